"""Keeps a tracker from starting on a data directory while a command works on its files."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracker.errors import TrackerError


class InUse(TrackerError):
    """A tracker runs on the data directory."""


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the lock that a running tracker holds; raises `InUse` while one does."""
    try:
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise TrackerError(f"{data}: {error.strerror}; is this the tracker's config?") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise InUse(f"a tracker uses {data}: stop it, then try again") from None
    finally:
        os.close(lock)
