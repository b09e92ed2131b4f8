"""Bytes in, fsync, acknowledged; bytes out in order. Knows nothing of hits."""
