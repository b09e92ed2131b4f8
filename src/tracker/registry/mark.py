"""One number in memory that all processes share: how often the links have changed.

The writer raises it after a commit and before it answers; a worker compares it at every look-up,
which costs less than a microsecond, and reads the database when it has moved. So what was answered
with 201 is followed by every worker at once, and what was deleted by none.
"""

import mmap
import os
from pathlib import Path

_BYTES = 8


class Mark:
    """The number, in a file that is only ever mapped; what a crash leaves of it does not matter."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _BYTES:
                os.ftruncate(descriptor, _BYTES)
            self._map = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
        self._view = memoryview(self._map).cast("Q")

    def read(self) -> int:
        """The number now."""
        return self._view[0]

    def move(self) -> None:
        """Say that something has changed; for the one process that writes."""
        self._view[0] = (self._view[0] + 1) & 0xFFFF_FFFF_FFFF_FFFF

    def close(self) -> None:
        """Let go of the memory."""
        self._view.release()
        self._map.close()
