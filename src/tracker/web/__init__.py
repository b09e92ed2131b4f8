"""Answers for people and their tools: health, metrics, status."""
