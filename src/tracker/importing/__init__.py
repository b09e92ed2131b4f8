"""Logs and exports become hits in a spool, each line once: what `tracker import` does."""
