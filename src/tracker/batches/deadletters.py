"""What could not be understood or landed, with its raw bytes and the reason: kept, not lost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tracker.durable import Files, make_directory, remove, write_file

WHOLE = -1
_DAY_NS = 86_400_000_000_000


class DeadLetter(msgspec.Struct, frozen=True):
    """One event that is not in the stores.

    `record` is the spool record of its hit; `index` tells which event of it, `WHOLE` is all.
    `received` in nanoseconds since 1970.
    """

    reason: str
    received: int
    index: int
    record: bytes


class RefusedRow(msgspec.Struct, frozen=True):
    """One row of a sealed batch that one store will not take."""

    store: str
    reason: str
    row: dict[str, object]


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A file of JSON lines per batch (mode 0600): `<n>.jsonl`, and `<n>-<store>.refused`.

    `<n>.arrow.damaged` are the rows of a batch that changed on disk.
    """

    directory: Path
    files: Files = field(default_factory=Files)

    def open(self, newest: int) -> None:
        """Delete letters of batches that were never sealed."""
        make_directory(self.files, self.directory)
        for n, path in self._files():
            if n > newest:
                self.files.unlink(path)
        self.files.sync_directory(self.directory)  # else they come back as those of another batch

    def write(self, n: int, letters: Sequence[DeadLetter]) -> None:
        """Make the letters of batch `n` durable, before it is sealed."""
        path = self._path(n)
        if letters:
            write_file(self.files, path, *map(_line, letters))
        elif path.exists():
            self.files.unlink(path)
            self.files.sync_directory(self.directory)

    def refuse(self, n: int, row: int, refused: RefusedRow) -> None:
        """Set aside a row that a store refused; the same row again changes nothing."""
        path = self.directory / f"{n:012d}-{refused.store}-{row:06d}.refused"
        write_file(self.files, path, _line(refused))

    def keep_damaged(self, path: Path) -> None:
        """Keep a file of rows that are not those sealed, for whoever may want to look."""
        kept = self.directory / f"{path.name}.damaged"
        if not kept.exists():
            write_file(self.files, kept, path.read_bytes())

    def letters(self) -> Iterator[tuple[int, int, DeadLetter]]:
        """All letters as (batch, line, letter), oldest first."""
        for n, path in self._files():
            for line, text in enumerate(path.read_bytes().splitlines()):
                yield n, line, msgspec.json.decode(text, type=DeadLetter)

    def refusals(self) -> Iterator[tuple[str, RefusedRow]]:
        """All rows that stores refused, as (file name, row)."""
        for path in sorted(self.directory.glob("*.refused")):
            yield path.name, msgspec.json.decode(path.read_bytes(), type=RefusedRow)

    def forget(self, n: int) -> None:
        """Delete the letters of batch `n`."""
        remove(self.files, self._path(n))
        self.files.sync_directory(self.directory)

    def expire(self, now: int, days: float) -> None:
        """Delete what is older than `days`; `now` in nanoseconds since 1970."""
        limit = now / 1e9 - days * _DAY_NS / 1e9
        for path in self.directory.iterdir():
            if path.stat().st_mtime < limit:
                remove(self.files, path)

    def _files(self) -> list[tuple[int, Path]]:
        """The files of letters with the numbers of their batches; no others that lie here."""
        return [(int(path.stem), path) for path in sorted(self.directory.glob("*.jsonl"))
                if path.stem.isdecimal()]

    def _path(self, n: int) -> Path:
        return self.directory / f"{n:012d}.jsonl"


def _line(letter: DeadLetter | RefusedRow) -> bytes:
    return msgspec.json.encode(letter) + b"\n"
