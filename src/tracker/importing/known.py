"""Which file a text is: the same one grown, packed or renamed is known again by what it holds."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from tracker.durable import Files, make_directory
from tracker.importing.texts import Block
from tracker.state import read_state, write_state

_MEND = "remove it; the files it is about count as new when they are imported again"
_DIGITS = 32


class KnownFile(msgspec.Struct):
    """A file that lines of were read.

    `marks`  number of a line -> digest of all lines up to and with it: for each power of two, and
             for the last line
    """

    file: str
    marks: dict[int, str] = msgspec.field(default_factory=dict)


class Family(msgspec.Struct):
    """All files with the same first line."""

    files: list[KnownFile] = msgspec.field(default_factory=list)


class Digest:
    """Counts lines and tells the digest of all of them wherever a mark stands or is to be."""

    def __init__(self, stops: Sequence[int] = ()) -> None:
        self.count = 0
        self._hash = sha256()
        self._stops = sorted(stops, reverse=True)
        self._power = 1

    def add(self, block: Block) -> Iterator[tuple[int, str]]:
        """Each mark in the lines of a block; a last line that may go on is in none."""
        lines = block.lines if block.whole else block.lines[:-1]
        while lines:
            stop = self._next_stop()
            some, lines = lines[:stop - self.count], lines[stop - self.count:]
            self._hash.update(b"\n".join(some) + b"\n")
            self.count += len(some)
            if self.count == stop:
                yield self.mark()

    def mark(self) -> tuple[int, str]:
        """The digest of all lines so far."""
        return self.count, self._hash.copy().hexdigest()[:_DIGITS]

    def _next_stop(self) -> int:
        while self._power <= self.count:
            self._power *= 2
        while self._stops and self._stops[-1] <= self.count:
            self._stops.pop()
        return min(self._power, self._stops[-1]) if self._stops else self._power


class Following:
    """One text while it is read: checks the marks that are there, and makes those that are not.

    A mark is on disk before any line behind it is in the spool.
    """

    def __init__(self, path: Path, family: Family, known: KnownFile) -> None:
        self.file = known.file
        self._path = path
        self._family = family
        self._known = known
        self._digest = Digest(tuple(known.marks))

    def add(self, block: Block) -> bool:
        """Go on behind these lines; false where they are not those of the file."""
        new = {}
        for line, digest in self._digest.add(block):
            if self._known.marks.get(line, digest) != digest:
                return False
            new[line] = digest
        if not new.keys() <= self._known.marks.keys():
            self._known.marks |= new
            self._write()
        return True

    def end(self) -> None:
        """All lines are in the spool: note the last one."""
        line, digest = self._digest.mark()
        if line > max(self._known.marks, default=0):
            marks = self._known.marks
            self._known.marks = {at: marks[at] for at in marks if at & (at - 1) == 0}
            self._known.marks[line] = digest
            self._write()

    def _write(self) -> None:
        make_directory(Files(), self._path.parent)
        write_state(Files(), self._path, self._family)


def follow(directory: Path, blocks: Iterator[Block]) -> Following | None:
    """The file that a text is: one that is known, whose marks it has, or a new one.

    `blocks` is read as far as there are marks. None where there is no line.
    """
    first = next(blocks, None)
    if first is None:
        return None
    name = sha256(first.lines[0]).hexdigest()[:_DIGITS]
    path = directory / f"{name}.json"
    family = read_state(Files(), path, Family, _MEND)[0] if path.exists() else Family()
    found = _matching(family, first, blocks)
    if found is None:
        number = len(family.files)
        file = sha256(b"%d %b" % (number, name.encode())).hexdigest()[:_DIGITS]
        found = KnownFile(file if number else name)
        family.files.append(found)
    return Following(path, family, found)


def _matching(family: Family, first: Block, blocks: Iterator[Block]) -> KnownFile | None:
    """The first whose marks the text has, as far as it goes."""
    files = list(family.files)
    digest = Digest([line for known in files for line in known.marks])
    last = max((max(known.marks, default=0) for known in files), default=0)
    block: Block | None = first
    while block is not None and files:
        for line, found in digest.add(block):
            files = [known for known in files if known.marks.get(line, found) == found]
        block = next(blocks, None) if digest.count < last else None
    return files[0] if files else None
