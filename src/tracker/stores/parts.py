"""Whether the parts of the embedded engine have all their bytes, and what to do if they have not.

A disk that is full while the engine writes can cut a part off, one that was inserted as well as a
merged one, and the engine says nothing. At a start it sets aside what it cannot open; but a part of
which only the end is missing it takes for whole, and deletes what that was merged of.
"""

import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import structlog

from tracker.durable import Files
from tracker.schema import clickhouse

_LATELY_SECONDS = clickhouse.KEPT_SECONDS
"""So long what a part was merged of stays."""

_PACKED = "data.packed"
_INDEX_BYTES = 1 << 20  # more than the names of all files of a part take
_INDEX_VERSION = 0
_INDEX_HEAD = struct.Struct("<BQ")
_INDEX_ENTRY = struct.Struct("<QQ")

_BESIDE = ("checksums.txt", "columns.txt", "columns_substreams.txt", "metadata_version.txt",
           "default_compression_codec.txt")
"""Files of a part that is not packed which the engine does not count in its size."""

log = structlog.get_logger("parts")

Rows = Callable[[str], list[dict[str, object]]]
"""Runs a query; its rows by column name."""


class Part(NamedTuple):
    """An active part of a table; `size` is that of its data as the engine believes it to be."""

    table: str
    name: str
    path: Path
    size: int

    @property
    def is_cut_off(self) -> bool:
        """Whether its files lack bytes; not when it has just gone."""
        try:
            sizes = {file.name: file.stat().st_size for file in self.path.iterdir()}
            if sizes.keys() == {_PACKED}:
                with (self.path / _PACKED).open("rb") as file:
                    wanted = _packed_size(file.read(_INDEX_BYTES))
                return sizes[_PACKED] < max(wanted, self.size)
        except FileNotFoundError:
            return False
        beside = [sizes.pop(name) for name in _BESIDE if name in sizes]
        return 0 in beside or sum(sizes.values()) < self.size


def _packed_size(start: bytes) -> int:
    """How long a packed part must be, by the index that it begins with; 0 if none can tell.

    A version, the number of files, and of each its name behind the length, its place and size.
    """
    try:
        version, files = _INDEX_HEAD.unpack_from(start)
        if version != _INDEX_VERSION:
            return 0
        at = end = _INDEX_HEAD.size
        for _ in range(files):
            at += 1 + start[at]
            place, size = _INDEX_ENTRY.unpack_from(start, at)
            at += _INDEX_ENTRY.size
            end = max(end, place + size)
    except (struct.error, IndexError):  # the index itself is cut off
        return sys.maxsize
    return end


class Parts:
    """The parts of one database, or of all; remembers which it has seen whole."""

    def __init__(self, rows: Rows, database: str | None = None) -> None:
        self._rows = rows
        self._where = "" if database is None else f" AND database = {clickhouse.text(database)}"
        self._whole: set[Path] = set()

    def cut_off(self) -> set[Part]:
        """All that are cut off."""
        return self._among("")

    def lately_cut_off(self) -> set[Part]:
        """Those among the parts that were made in the last minutes."""
        return self._among(f" AND modification_time > now() - {_LATELY_SECONDS}")

    def _among(self, when: str) -> set[Part]:
        parts = self._listed(when)
        short = {part for part in parts if part.path not in self._whole and part.is_cut_off}
        self._whole = {part.path for part in parts - short}
        if short:  # one may have gone while its files were looked at
            short = {part for part in short & self._listed(when) if part.is_cut_off}
        return short

    def _listed(self, when: str) -> set[Part]:
        return {Part(str(row["table"]), str(row["name"]), Path(str(row["path"])),
                     int(str(row["bytes"])))
                for row in self._rows("SELECT table, name, path, bytes_on_disk AS bytes"
                                      f" FROM system.parts WHERE active{self._where}{when}")}


def named(parts: Iterable[Part]) -> str:
    """Parts in words."""
    return ", ".join(sorted(f"{part.name} of {part.table}" for part in parts))


def set_aside(part: Part) -> None:
    """Put a part where the engine keeps what it does not read; no engine may have it open.

    The next start takes what it was merged of. Raises `OSError`.
    """
    aside = part.path.parent / "detached" / f"broken_{part.name}"
    number = 0
    while aside.exists():
        number += 1
        aside = aside.with_name(f"broken_{part.name}_try{number}")
    files = Files()
    files.rename(part.path, aside)
    files.sync_directory(aside.parent)
    files.sync_directory(part.path.parent)
    log.error("a part was cut off and is set aside", table=part.table, part=part.name,
              now=str(aside))
