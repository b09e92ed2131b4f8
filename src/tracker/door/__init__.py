"""Connections: parses HTTP, answers the hot routes, hands all others to the application."""
