"""What one process does to a disk: any call may fail, write too little, or be its last."""

import errno
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harness.powercut import Disk
from tracker.durable import Files

T = TypeVar("T")
FAULTS = (errno.ENOSPC, errno.EIO, errno.EINTR, "short")


class Killed(BaseException):
    """The process ends here; no handler of its own runs."""


class Hands(Files):
    """The calls of one process to a `disk` that others use too.

    `fail` lets a call to come go wrong, `kill` makes one the last: it, and all behind it, raise
    `end`. A process of several threads ends with an `OSError`, after which it can neither publish
    nor answer anything.
    """

    def __init__(self, disk: Disk, end: Callable[[], BaseException] = Killed) -> None:
        self.disk = disk
        self.dead = False
        self._end = end
        self._calls = 0
        self._fails_at = self._dies_at = 0
        self._fault: int | str = "short"
        self._dice = random.Random(0)
        self._lock = threading.Lock()

    def fail(self, calls: int, fault: int | str, dice: random.Random) -> None:
        """Let the `calls`-th call from now fail with an errno, or write less than asked."""
        self._fails_at, self._fault, self._dice = self._calls + calls, fault, dice

    def kill(self, calls: int, dice: random.Random) -> None:
        """Let the `calls`-th call from now be the last one; it may still have an effect."""
        self._dies_at, self._dice = self._calls + calls, dice

    def die(self) -> None:
        """End now."""
        self.dead = True
        raise self._end()

    def _do(self, call: Callable[[], T], part: Callable[[bool], object] = lambda _: None) -> T:
        """Run a call, or what is left of it: `part(dies)`."""
        with self._lock:
            self._calls += 1
            dies, fails = self._calls == self._dies_at, self._calls == self._fails_at
            if self.dead:
                raise self._end()
            self.dead = dies
        if dies:
            part(True)
            raise self._end()
        if fails and isinstance(self._fault, int):
            part(False)
            raise OSError(self._fault, os.strerror(self._fault))
        return call()

    def _or_not(self, call: Callable[[], object]) -> Callable[[bool], object]:
        """What had its effect before the end, or had not."""
        return lambda dies: call() if dies and self._dice.random() < 0.5 else None

    def open(self, path: Path, flags: int) -> int:
        return self._do(lambda: self.disk.open(path, flags))

    def close(self, descriptor: int) -> None:
        self.disk.close(descriptor)

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        def write() -> int:
            short = self._calls == self._fails_at and self._fault == "short"
            return self.disk.pwrite(
                descriptor, data[:max(len(data) // 2, 1)] if short else data, offset)

        def part(dies: bool) -> None:
            size = self._dice.choice([0, self._dice.randrange(len(data) + 1), len(data)])
            if dies:  # what it wrote is the system's, synced or not
                self.disk.pwrite(descriptor, data[:size], offset)
            else:
                self.disk.pwrite_in_vain(descriptor, data[:size], offset)

        return self._do(write, part)

    def allocate(self, descriptor: int, size: int) -> None:
        self._do(lambda: self.disk.allocate(descriptor, size))

    def fsync(self, descriptor: int) -> None:
        def part(dies: bool) -> None:
            if not dies:
                self.disk.fsync_in_vain(descriptor)

        self._do(lambda: self.disk.fsync(descriptor), part)

    def rename(self, source: Path, target: Path) -> None:
        rename = lambda: self.disk.rename(source, target)  # noqa: E731 - used twice in the next line
        self._do(rename, self._or_not(rename))

    def unlink(self, path: Path) -> None:
        unlink = lambda: self.disk.unlink(path)  # noqa: E731 - used twice in the next line
        self._do(unlink, self._or_not(unlink))

    def make_directory(self, path: Path) -> None:
        make = lambda: self.disk.make_directory(path)  # noqa: E731 - used twice in the next line
        self._do(make, self._or_not(make))

    def sync_directory(self, path: Path) -> None:
        self._do(lambda: self.disk.sync_directory(path))
