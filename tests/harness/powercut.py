"""A disk that on a crash loses, reorders and tears what was not synced, and flips bits at rest."""

import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, Union

from tracker.durable import DIRECTORY_MODE, Files

SECTOR = 512
MAPPED = "mark"
"""The one file that is written through memory: what of it reached the disk is anyone's guess."""
T = TypeVar("T")


class Inode:
    """One file: what surely is on disk, and writes that may be.

    `doomed` are those that failed: they can be read, and no sync brings them to disk any more.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.pending: list[tuple[int, bytes]] = []
        self.doomed: list[tuple[int, bytes]] = []

    def sync(self) -> None:
        for offset, data in self.pending:
            _put(self.durable, offset, data)
        self.pending.clear()

    def doom(self) -> None:
        """A sync failed: the system may take for written what is not."""
        self.doomed += self.pending
        self.pending.clear()

    def live(self) -> bytes:
        """As the running system sees it."""
        content = bytearray(self.durable)
        for offset, data in self.pending + self.doomed:
            _put(content, offset, data)
        return bytes(content)

    def after_power_cut(self, dice: random.Random) -> "Inode":
        """The synced bytes, and of each unsynced write some sectors, in any order, some torn."""
        content = bytearray(self.durable)
        for offset, data in self.pending + self.doomed:
            fate = dice.choice([0.0, dice.random(), 1.0])
            for start in range(0, len(data), SECTOR):
                if dice.random() < fate:
                    length = SECTOR if dice.random() < 0.8 else dice.randrange(SECTOR)
                    _put(content, offset + start, data[start:start + length])
        return Inode(bytes(content))


Node = Union[Inode, "Folder"]
Change = tuple[str | None, str | None, Node | None]  # name that goes, name that comes, for whom


class Folder:
    """One directory: its names as the running system sees them, and as they are on disk."""

    def __init__(self) -> None:
        self.names: dict[str, Node] = {}
        self.kept: dict[str, Node] = {}
        self.changes: list[Change] = []

    def change(self, goes: str | None, comes: str | None, node: Node | None) -> None:
        _apply(self.names, (goes, comes, node))
        self.changes.append((goes, comes, node))

    def sync(self) -> None:
        for change in self.changes:
            _apply(self.kept, change)
        self.changes.clear()

    def after_power_cut(self, dice: random.Random) -> "Folder":
        """The synced names, and some of the unsynced changes: the first ones, or any of them."""
        kept = dict(self.kept)
        first = dice.randrange(len(self.changes) + 1)
        chosen = dice.choice([
            self.changes[:first], [change for change in self.changes if dice.random() < 0.5]])
        for change in chosen:
            _apply(kept, change)
        folder = Folder()
        folder.names = {name: node.after_power_cut(dice) for name, node in kept.items()}
        folder.kept = dict(folder.names)
        return folder

    def walk(self, path: Path) -> Iterator[tuple[Path, Node]]:
        """All nodes with their paths, those above first."""
        for name, node in sorted(self.names.items()):
            yield path / name, node
            if isinstance(node, Folder):
                yield from node.walk(path / name)


def _apply(names: dict[str, Node], change: Change) -> None:
    goes, comes, node = change
    if goes is not None and (node is None or names.get(goes) is node):
        names.pop(goes, None)
    if comes is not None and node is not None:
        names[comes] = node


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset:offset + len(data)] = data


class Disk(Files):
    """Real files below `root`, and beside them a model of what a crash leaves of them.

    `strike` says when the crash comes. The real files go on working after it, so that no thread
    hangs; `off` says that the machine is gone and nothing that happens now counts. Then `again`
    gives the disk as the next start finds it, below another directory. `quiet` is called before
    each call and may wait, so that threads come to the disk in one order.
    """

    def __init__(self, root: Path, folder: Folder | None = None) -> None:
        self.root = root
        self.folder = folder or Folder()
        self.off = False
        self.calls = 0
        self.quiet: Callable[[], object] = lambda: None
        self._power = False
        self._at = 0
        self._dice = random.Random(0)
        self._lock = threading.RLock()
        self._open: dict[int, tuple[Inode, bool]] = {}
        self._mapped: dict[Inode, bytes] = {}
        root.mkdir(mode=DIRECTORY_MODE)
        for path, node in self.folder.walk(root):
            if isinstance(node, Folder):
                path.mkdir(mode=DIRECTORY_MODE)
            else:
                path.write_bytes(node.live())

    def strike(self, calls: int, *, power: bool, dice: random.Random) -> None:
        """Crash during the `calls`-th call from now: of the machine's power, or of the processes.

        What a killed process wrote is with the system, which may still lose it with the power.
        """
        with self._lock:
            self._at, self._power, self._dice = self.calls + calls, power, dice

    def again(self, root: Path, *, power: bool, dice: random.Random) -> "Disk":
        """The disk after a crash, or after a clean end, as the next start finds it in `root`."""
        with self._lock:
            self._turn_off()
            for inode, content in self._mapped.items():
                inode.pending.append((0, content))
            folder = self.folder.after_power_cut(dice) if power or self._power else self.folder
            return Disk(root, folder)

    def flip(self, path: Path, dice: random.Random) -> bool:
        """Flip one bit of a file at rest, where it holds anything; false if it is empty."""
        inode = self._node(path)
        assert isinstance(inode, Inode)
        inode.sync()
        written = len(inode.durable.rstrip(b"\0"))
        if not written:
            return False
        inode.durable[dice.randrange(written)] ^= 1 << dice.randrange(8)
        path.write_bytes(inode.durable)
        return True

    # --- the model ------------------------------------------------------------------------------

    def _node(self, path: Path) -> Node:
        node: Node = self.folder
        for name in path.relative_to(self.root).parts:
            assert isinstance(node, Folder)
            node = node.names[name]
        return node

    def _folder(self, path: Path) -> Folder:
        folder = self._node(path)
        assert isinstance(folder, Folder)
        return folder

    def _turn_off(self) -> None:
        if not self.off:
            self.off = True
            for path, node in self.folder.walk(self.root):
                if path.name == MAPPED and isinstance(node, Inode):
                    self._mapped[node] = path.read_bytes()

    def _step(self, real: Callable[[], T], model: Callable[[T], object],
              settled: Callable[[], object] = lambda: None) -> T:
        """Run one call. A crash during it leaves its effect unsynced, if any."""
        self.quiet()
        with self._lock:
            if self.off:
                return real()
            self.calls += 1
            strikes = self.calls == self._at
            begun = not strikes or self._power or self._dice.random() < 0.7
            result = real()
            if begun:
                model(result)
            if not strikes:
                settled()
            else:
                self._turn_off()
            return result

    # --- the calls ------------------------------------------------------------------------------

    def open(self, path: Path, flags: int) -> int:
        def model(descriptor: int) -> None:
            folder = self._folder(path.parent)
            inode = folder.names.get(path.name)
            if not isinstance(inode, Inode) or flags & os.O_TRUNC:
                inode = Inode()  # emptying a file is taken for making it anew
                folder.change(None, path.name, inode)
            self._open[descriptor] = inode, bool(flags & os.O_DSYNC)

        return self._step(lambda: super(Disk, self).open(path, flags & ~os.O_DSYNC), model)

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        def model(written: int) -> None:
            self._open[descriptor][0].pending.append((offset, bytes(data[:written])))

        def settled() -> None:
            inode, synced = self._open[descriptor]
            if synced:
                inode.sync()

        return self._step(lambda: super(Disk, self).pwrite(descriptor, data, offset), model,
                          settled)

    def pwrite_in_vain(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        """Take `data` as a write does that fails afterwards."""
        self._step(lambda: super(Disk, self).pwrite(descriptor, data, offset), lambda written:
                   self._open[descriptor][0].doomed.append((offset, bytes(data[:written]))))

    def fsync_in_vain(self, descriptor: int) -> None:
        """What a sync leaves that fails."""
        self._step(lambda: None, lambda _: self._open[descriptor][0].doom()
                   if descriptor in self._open else None)

    def allocate(self, descriptor: int, size: int) -> None:
        self._step(lambda: super(Disk, self).allocate(descriptor, size),
                   lambda _: self._open[descriptor][0].pending.append((0, bytes(size))))

    def close(self, descriptor: int) -> None:
        with self._lock:
            self._open.pop(descriptor, None)
            super().close(descriptor)

    def fsync(self, descriptor: int) -> None:
        def settled() -> None:
            if descriptor in self._open:
                self._open[descriptor][0].sync()
            else:  # opened to be read
                node = self._node(Path(f"/proc/self/fd/{descriptor}").readlink())
                assert isinstance(node, Inode)
                node.sync()

        self._step(lambda: None, lambda _: None, settled)

    def rename(self, source: Path, target: Path) -> None:
        def model(_: None) -> None:
            folder = self._folder(source.parent)
            assert source.parent == target.parent
            folder.change(source.name, target.name, folder.names[source.name])

        self._step(lambda: super(Disk, self).rename(source, target), model)

    def unlink(self, path: Path) -> None:
        self._step(lambda: super(Disk, self).unlink(path),
                   lambda _: self._folder(path.parent).change(path.name, None, None))

    def make_directory(self, path: Path) -> None:
        self._step(lambda: super(Disk, self).make_directory(path),
                   lambda _: self._folder(path.parent).change(None, path.name, Folder()))

    def sync_directory(self, path: Path) -> None:
        if path.is_relative_to(self.root):  # what lies above is there for good
            self._step(lambda: None, lambda _: None, lambda: self._folder(path).sync())
