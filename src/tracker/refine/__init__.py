"""Hits in, events out, column by column, through pure functions."""
