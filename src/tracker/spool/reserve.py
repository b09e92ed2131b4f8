"""Disk space held back, so that what was accepted can still be sealed and landed on a full disk."""

import contextlib
import os
from pathlib import Path

from tracker.durable import DIRECTORY_MODE, Files

MOST_BYTES = 256 << 20


class Reserve:
    """A file of allocated, unused blocks. Free it when the disk is full, hold it again later."""

    def __init__(self, path: Path, size: int, files: Files | None = None) -> None:
        self._path = path
        self._size = min(size, MOST_BYTES)
        self._files = files or Files()
        self.held = False

    def hold(self) -> bool:
        """Take the space; False, with nothing taken, when there is not enough."""
        if self.held or self._size <= 0:
            return self.held
        try:
            self._path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            if self._free() < self._size:  # trying would take what others need now
                return False
            descriptor = self._files.open(self._path, os.O_RDWR | os.O_CREAT)
            try:
                self._files.allocate(descriptor, self._size)
                self._files.fsync(descriptor)
            finally:
                self._files.close(descriptor)
        except OSError:
            self.free()
            return False
        self.held = True
        return True

    def _free(self) -> int:
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def free(self) -> None:
        """Give the space back to whoever writes next."""
        self.held = False
        with contextlib.suppress(OSError):
            self._files.unlink(self._path)
