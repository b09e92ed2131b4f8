"""Survival: a tracker under faults of every kind; `python -m chaos.run`, see CONTRIBUTING."""
