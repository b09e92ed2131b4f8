"""Disks that fail, and a disk that forgets on a crash what was not synced."""

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tracker.spool.files import Files

SECTOR = 512
T = TypeVar("T")


class FailingFiles(Files):
    """Counts all calls; those from number `first` to `last` (1 is the first one) go wrong.

    `fault` is an errno, or "short": then a write takes only half, and other calls go well.
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
        return super().open(path, flags)

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if self._strikes("pwrite"):
            data = data[:max(len(data) // 2, 1)]
        return super().pwrite(descriptor, data, offset)

    def allocate(self, descriptor: int, size: int) -> None:
        self._strikes("allocate")
        super().allocate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        self._strikes("fsync")
        super().fsync(descriptor)

    def fdatasync(self, descriptor: int) -> None:
        self._strikes("fdatasync")
        super().fdatasync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._strikes("rename")
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self._strikes("unlink")
        super().unlink(path)

    def sync_directory(self, path: Path) -> None:
        self._strikes("sync_directory")
        super().sync_directory(path)


class LostSyncFiles(FailingFiles):
    """A write or sync that fails after all of its bytes reached the file."""

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        Files.pwrite(self, descriptor, data, offset)
        self._strikes("pwrite")
        return len(data)


class _Inode:
    """One file: what surely is on disk, and what may be."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes]] = []

    def write(self, data: bytes, offset: int) -> None:
        self.pending.append((offset, data))

    def sync(self) -> None:
        for offset, data in self.pending:
            _put(self.durable, offset, data)
        self.pending.clear()

    def after_crash(self, dice: random.Random) -> bytes:
        """The synced bytes, and of each unsynced write some sectors, in any order, some torn."""
        content = bytearray(self.durable)
        for offset, data in self.pending:
            fate = dice.random()
            for start in range(0, len(data), SECTOR):
                if dice.random() < fate:
                    whole = dice.random() < 0.8
                    length = SECTOR if whole else dice.randrange(SECTOR)
                    _put(content, offset + start, data[start:start + length])
        return bytes(content)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset:offset + len(data)] = data


class ForgetfulFiles(Files):
    """A real directory, and beside it a model of what a power cut during call `cut` leaves.

    The real files go on working after the cut, so that no thread hangs; `off` says that the power
    is gone and nothing that happens now counts. `crash` then lays out what the disk kept.
    """

    def __init__(self, cut: int) -> None:
        self.off = False
        self.calls = 0
        self.marks: dict[str, bytes] = {}
        self._cut = cut
        self._lock = threading.RLock()
        self._open: dict[int, tuple[_Inode, bool]] = {}
        self._names: dict[Path, _Inode] = {}  # as the running system sees them
        self._kept: dict[Path, _Inode] = {}  # as they are on disk
        self._changes: list[Callable[[dict[Path, _Inode]], object]] = []

    def _step(self, real: Callable[[], T], model: Callable[[T], object],
              settled: Callable[[], object]) -> T:
        """Run one call: its effect is pending when the power goes during it, else `settled`."""
        with self._lock:
            result = real()
            if self.off:
                return result
            self.calls += 1
            model(result)
            if self.calls >= self._cut:
                self.off = True
            else:
                settled()
            return result

    def open(self, path: Path, flags: int) -> int:
        def model(descriptor: int) -> None:
            inode = self._names.get(path)
            if inode is None or flags & os.O_TRUNC:
                inode = self._names[path] = _Inode()
                made = inode
                self._changes.append(lambda names: names.__setitem__(path, made))
            self._open[descriptor] = inode, bool(flags & os.O_DSYNC == os.O_DSYNC)

        return self._step(lambda: Files.open(self, path, flags), model, lambda: None)

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        def settled() -> None:
            inode, synced = self._open[descriptor]
            if synced:
                inode.sync()

        return self._step(lambda: Files.pwrite(self, descriptor, data, offset),
                          lambda _: self._open[descriptor][0].write(bytes(data), offset), settled)

    def allocate(self, descriptor: int, size: int) -> None:
        self._step(lambda: Files.allocate(self, descriptor, size),
                   lambda _: self._open[descriptor][0].write(bytes(size), 0), lambda: None)

    def fsync(self, descriptor: int) -> None:
        self._step(lambda: Files.fsync(self, descriptor), lambda _: None,
                   lambda: self._settle(descriptor))

    def fdatasync(self, descriptor: int) -> None:
        self._step(lambda: Files.fdatasync(self, descriptor), lambda _: None,
                   lambda: self._settle(descriptor))

    def _settle(self, descriptor: int) -> None:
        self._open[descriptor][0].sync()

    def rename(self, source: Path, target: Path) -> None:
        def change(names: dict[Path, _Inode]) -> None:
            if source in names:
                names[target] = names.pop(source)

        def model(_: None) -> None:
            change(self._names)
            self._changes.append(change)

        self._step(lambda: Files.rename(self, source, target), model, lambda: None)

    def unlink(self, path: Path) -> None:
        def model(_: None) -> None:
            self._names.pop(path, None)
            self._changes.append(lambda names: names.pop(path, None))

        self._step(lambda: Files.unlink(self, path), model, lambda: None)

    def sync_directory(self, path: Path) -> None:
        def settled() -> None:
            for change in self._changes:
                change(self._kept)
            self._changes.clear()

        self._step(lambda: Files.sync_directory(self, path), lambda _: None, settled)

    def crash(self, target: Path, dice: random.Random) -> None:
        """Write into `target` the files that the disk holds after the power came back."""
        names = dict(self._kept)
        for change in self._changes[:dice.randrange(len(self._changes) + 1)]:
            change(names)  # names change in order, but the last changes may be lost
        target.mkdir(mode=0o700)
        for path, inode in names.items():
            (target / path.name).write_bytes(inode.after_crash(dice))
