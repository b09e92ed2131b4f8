"""Whether the parts of the embedded engine have all their bytes, and what to do if they have not.

A disk that is full while the engine writes can cut a part off, one that was inserted as well as a
merged one, and the engine says nothing. At a start it sets aside what it cannot open; but a part of
which only the end is missing it takes for whole, and deletes what that was merged of.
"""

import os
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import structlog

from tracker.durable import Files
from tracker.errors import StoreError
from tracker.schema import clickhouse

_LATELY_SECONDS = clickhouse.KEPT_SECONDS
"""So long what a part was merged of stays."""

_PACKED = "data.packed"
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

    database: str
    table: str
    name: str
    path: Path
    size: int

    @property
    def is_short(self) -> bool:
        """Whether its files lack bytes; not when it has just gone."""
        try:
            with os.scandir(self.path) as files:
                sizes = {file.name: file.stat().st_size for file in files}
            if sizes.keys() == {_PACKED}:
                with (self.path / _PACKED).open("rb") as file:
                    wanted = _packed_size(file)
                return sizes[_PACKED] < max(wanted, self.size)
        except FileNotFoundError:
            return False
        beside = [sizes.pop(name) for name in _BESIDE if name in sizes]
        return 0 in beside or sum(sizes.values()) < self.size


def _packed_size(file: BinaryIO) -> int:
    """How long a packed part must be, by the index that it begins with; 0 if none can tell.

    The index is a version, the number of files, and of each its name behind the length, its place
    and size.
    """
    try:
        version, files = _INDEX_HEAD.unpack(file.read(_INDEX_HEAD.size))
        if version != _INDEX_VERSION:
            return 0
        end = 0
        for _ in range(files):
            file.seek(_number(file), os.SEEK_CUR)
            place, size = _INDEX_ENTRY.unpack(file.read(_INDEX_ENTRY.size))
            end = max(end, place + size)
    except (struct.error, IndexError):  # the index itself is cut off
        return sys.maxsize
    return end


def _number(file: BinaryIO) -> int:
    """A length as the engine writes it: seven bits to a byte, the lowest first."""
    found = shift = 0
    while True:
        byte = file.read(1)[0]
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found
        shift += 7


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
        short = {part for part in parts if part.path not in self._whole and part.is_short}
        if short:  # one may have gone while its files were looked at; and the engine must agree
            short = {part for part in short & self._listed(when) if not self._is_whole(part)}
        self._whole = {part.path for part in parts - short}
        return short

    def _is_whole(self, part: Part) -> bool:
        """Whether the engine can read all of a part."""
        try:
            (found,) = self._rows(
                f"CHECK TABLE {clickhouse.quoted(part.database)}.{clickhouse.quoted(part.table)}"
                f" PART {clickhouse.text(part.name)} SETTINGS check_query_single_value_result = 0")
        except (RuntimeError, StoreError):
            return False
        return bool(found["is_passed"])

    def _listed(self, when: str) -> set[Part]:
        return {Part(str(row["database"]), str(row["table"]), str(row["name"]),
                     Path(str(row["path"])), int(str(row["bytes"])))
                for row in self._rows("SELECT database, table, name, path, bytes_on_disk AS bytes"
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
