"""Measures the tracker beside others, in one run: `make bench`."""
