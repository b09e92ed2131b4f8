"""Disks on which chosen calls fail."""

import os
import threading
from pathlib import Path

from tracker.durable import Files


class FailingFiles(Files):
    """Counts all calls; those from number `first` to `last` (1 is the first one) go wrong.

    `fault` is an errno, or "short": then a write takes only half, and other calls go well.
    Nothing is really synced: no power is cut here.
    """

    def __init__(self, fault: int | str, first: int, last: int | None = None) -> None:
        self.fault = fault
        self.first = first
        self.last = first if last is None else last
        self.calls = 0
        self.failed: list[str] = []
        self._lock = threading.Lock()

    def _strikes(self, name: str) -> bool:
        with self._lock:
            self.calls += 1
            strikes = self.first <= self.calls <= self.last
            if strikes:
                self.failed.append(name)
        if strikes and isinstance(self.fault, int):
            raise OSError(self.fault, os.strerror(self.fault))
        return strikes

    def open(self, path: Path, flags: int) -> int:
        self._strikes("open")
        return super().open(path, flags & ~os.O_DSYNC)

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if self._strikes("pwrite"):
            data = data[:max(len(data) // 2, 1)]
        return super().pwrite(descriptor, data, offset)

    def allocate(self, descriptor: int, size: int) -> None:
        self._strikes("allocate")
        super().allocate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        self._strikes("fsync")


    def rename(self, source: Path, target: Path) -> None:
        self._strikes("rename")
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self._strikes("unlink")
        super().unlink(path)

    def make_directory(self, path: Path) -> None:
        self._strikes("make_directory")
        super().make_directory(path)

    def sync_directory(self, path: Path) -> None:
        self._strikes("sync_directory")


class LostSyncFiles(FailingFiles):
    """A write or sync that fails after all of its bytes reached the file."""

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        Files.pwrite(self, descriptor, data, offset)
        self._strikes("pwrite")
        return len(data)

