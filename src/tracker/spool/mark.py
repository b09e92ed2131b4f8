"""How far a spool is synced, told by its writer to readers in other processes through memory.

The mark is a hint for the living, not a record: it is never synced, and after the writer's death
readers go by the segments alone.
"""

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from tracker.durable import Files, write_file

MARK_NAME = "mark"
_FILE_BYTES = 4096
_SLOT_BYTES = 64
_SLOT = struct.Struct("<QQQQQQ")  # turn, then the fields of Mark
_CRC = struct.Struct("<I")


class Mark(NamedTuple):
    """What is synced: segment `generation` up to `end`, and totals since the spool was made.

    All generations before `generation` are closed: nothing more will be written to them.
    """

    generation: int = 0
    end: int = 0
    records: int = 0
    events: int = 0
    bytes: int = 0


def _newest(memory: mmap.mmap) -> tuple[int, Mark] | None:
    """The newest whole slot; a torn one fails its checksum."""
    best: tuple[int, Mark] | None = None
    for start in (0, _SLOT_BYTES):
        slot = memory[start:start + _SLOT_BYTES]
        packed = slot[:_SLOT.size]
        (crc,) = _CRC.unpack_from(slot, _SLOT.size)
        turn, *fields = _SLOT.unpack(packed)
        if turn and crc == zlib.crc32(packed) and (best is None or turn > best[0]):
            best = turn, Mark(*fields)
    return best


class MarkWriter:
    """Publishes the mark; two slots take turns, so that one is whole at any moment."""

    def __init__(self, directory: Path, files: Files) -> None:
        path = directory / MARK_NAME
        if not path.exists() or path.stat().st_size != _FILE_BYTES:
            # Real zeros, not a hole: with a full disk a store into a hole would kill the process.
            write_file(files, path, bytes(_FILE_BYTES))
        descriptor = os.open(path, os.O_RDWR)
        try:
            self._memory = mmap.mmap(descriptor, _FILE_BYTES)
        finally:
            os.close(descriptor)
        self._turn, self.mark = _newest(self._memory) or (0, Mark())

    def publish(self, mark: Mark) -> None:
        """Let readers read up to `mark`; only after what it names is synced."""
        self._turn += 1
        packed = _SLOT.pack(self._turn, *mark)
        start = (self._turn & 1) * _SLOT_BYTES
        self._memory[start:start + _SLOT.size + _CRC.size] = packed + _CRC.pack(zlib.crc32(packed))
        self.mark = mark

    def close(self) -> None:
        """Let go of the file; the last mark stays in it."""
        self._memory.close()


class MarkReader:
    """Reads the mark of a spool that another process may be writing."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / MARK_NAME
        self._memory: mmap.mmap | None = None
        self._last = Mark()

    def read(self) -> Mark:
        """The newest mark; the one read before while there is none to read."""
        if self._memory is None and not self._map():
            return self._last
        assert self._memory is not None
        newest = _newest(self._memory)
        if newest is not None:
            self._last = newest[1]
        return self._last

    def _map(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            if os.fstat(descriptor).st_size < _FILE_BYTES:
                return False
            self._memory = mmap.mmap(descriptor, _FILE_BYTES, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None
