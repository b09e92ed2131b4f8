"""Files as lines: plain or packed by gzip, or standard input; bounded, whatever they hold."""

import gzip
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from tracker.errors import TrackerError

BLOCK = 1 << 20
STDIN = "-"
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Unreadable(TrackerError):
    """A file that cannot be read, or not to its end."""


class Block(NamedTuple):
    """Lines that follow one another, without their ends; `whole` unless the last has no end."""

    lines: list[bytes]
    whole: bool


class Text:
    """A file, which may be read more than once; `size` is in bytes, as it lies on the disk.

    Standard input is copied to a temporary file first. A line of more than `longest` bytes is
    given with so many and one more.
    """

    def __init__(self, name: str, longest: int) -> None:
        self.name = name
        self._longest = longest
        try:
            self._raw = _copied(sys.stdin.buffer) if name == STDIN else open(name, "rb")  # noqa: SIM115, PTH123 - closed with the text
            self.size = os.fstat(self._raw.fileno()).st_size
            self._packed = self._raw.read(len(_GZIP)) == _GZIP
        except OSError as error:
            raise Unreadable(f"{name}: {error.strerror}") from None

    def position(self) -> int:
        """How many bytes of the file are read."""
        return self._raw.tell()

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()

    def blocks(self) -> Iterator[Block]:
        """All lines from the first on; raises `Unreadable` where the bytes end too early."""
        rest, longest = b"", self._longest
        first, over = True, False
        self._raw.seek(0)
        plain = gzip.GzipFile(fileobj=self._raw) if self._packed else self._raw
        while data := self._read(plain):
            if first:
                data, first = data.removeprefix(_BOM), False
            if over:  # the rest of a line that is too long
                end = data.find(b"\n")
                if end < 0:
                    continue
                data, over = data[end:], False
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            if len(rest) > longest:
                rest, over = rest[:longest + 1], True
            if lines:
                if max(map(len, lines)) > longest:
                    lines = [line[:longest + 1] for line in lines]
                yield Block(lines, True)
        if rest:
            yield Block([rest], False)

    def _read(self, plain: IO[bytes] | gzip.GzipFile) -> bytes:
        try:
            return plain.read(BLOCK)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{self.name}: cannot be read on: {error}") from None


def _copied(source: IO[bytes]) -> IO[bytes]:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the text
    shutil.copyfileobj(source, copy, BLOCK)
    copy.seek(0)
    return copy
