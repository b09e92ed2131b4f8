"""Walks through one segment, record by record, and over damage to the next intact one."""

import os
import zlib
from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

from tracker.durable import Files
from tracker.spool.resync import Found, find_headers
from tracker.spool.segment import (
    CHECKED_BYTES,
    FIRST_GROUP,
    RECORD,
    RECORD_HEADER_BYTES,
    SECTOR,
    SegmentHeader,
    seed_of,
)

CHUNK_BYTES = 4 << 20
_ZEROS = bytes(1 << 20)


class Record(NamedTuple):
    """One record as it was appended; its place in the spool never changes."""

    generation: int
    sequence: int
    data: bytes


class Damage(NamedTuple):
    """A part of a segment that does not hold what was written, or was never fully written.

    `start`, `end`  the bytes concerned
    `lost`          records missing because of it, as far as is known; at least 1
    `torn`          it lies in the last group, which a crash may have left unfinished
    `sequence`, `group`, `left`  where a scan is when it goes on behind it
    """

    start: int
    end: int
    lost: int
    torn: bool
    sequence: int
    group: int
    left: int


class Scan:
    """A position in one segment that moves on as records are read. Owns the descriptor."""

    def __init__(self, descriptor: int, header: SegmentHeader, after: int = 0) -> None:
        self.generation = header.generation
        self.offset = FIRST_GROUP
        self.sequence = 0  # of the last record passed
        self._after = after  # records up to this number are passed over
        self._descriptor = descriptor
        self._seed = seed_of(header.salt)
        self._group = 0  # of the last record passed, and how many of that group follow it
        self._left = 0
        self._found: list[Found] = []
        self._last_groups: list[int] = []  # from each of them on
        self._found_limit = -1
        self._chunk = b""
        self._base = 0

    def close(self) -> None:
        """Close the segment's file."""
        os.close(self._descriptor)

    @property
    def unfinished(self) -> bool:
        """The last record passed is not the last of its group."""
        return self._left > 0

    def size(self) -> int:
        """How long the file is."""
        return os.fstat(self._descriptor).st_size

    def read(self, limit: int, out: list[Record], max_records: int, max_bytes: int) -> bool:
        """Append records that end at or before `limit` to `out` until it is full.

        Returns False when it stopped at something that is not an intact record: damage, or the
        end of what was written.
        """
        chunk, base, seed, sequence = self._chunk, self._base, self._seed, self.sequence
        unpack, crc32 = RECORD.unpack_from, zlib.crc32
        generation, after = self.generation, self._after
        position, end = self.offset - base, len(chunk)
        good = True
        while len(out) < max_records and max_bytes > 0 and base + position < limit:
            body = position + RECORD_HEADER_BYTES
            if body > end:
                chunk, base = self._load(base + position, RECORD_HEADER_BYTES, limit)
                position, end = self.offset - base, len(chunk)
                body = position + RECORD_HEADER_BYTES
                if body > end:
                    good = False
                    break
            length, body_crc, number, group, left, crc = unpack(chunk, position)
            if crc != crc32(chunk[position:position + CHECKED_BYTES], seed ^ (base + position)):
                good = False
                break
            if body + length > end:
                chunk, base = self._load(base + position, RECORD_HEADER_BYTES + length, limit)
                position, end = self.offset - base, len(chunk)
                body = position + RECORD_HEADER_BYTES
            data = chunk[body:body + length]
            if crc32(data, seed) != body_crc or len(data) != length or number != sequence + 1:
                good = False
                break
            sequence = number
            if number > after:
                out.append(Record(generation, number, data))
                max_bytes -= length
            position = (body + length + 7) & -8
            if not left:
                position = (position + SECTOR - 1) & -SECTOR
            self.offset, self._group, self._left = base + position, group, left
        self.sequence = sequence
        return good

    def _load(self, offset: int, need: int, limit: int) -> tuple[bytes, int]:
        """Bytes from the sector of `offset` on: `need` from `offset`, more if `limit` allows."""
        base = offset & -SECTOR
        size = min(max(CHUNK_BYTES, offset - base + need), limit - base)
        self._chunk, self._base = os.pread(self._descriptor, size, base), base
        return self._chunk, base

    def damage(self, limit: int, certain: bool) -> Damage | None:
        """What stopped `read`; None at the end of what was written.

        `certain`: all up to `limit` is known to have been synced, so nothing there can be torn.
        """
        if not certain and self._only_zeros(limit):
            return self._stop(limit, self._left, torn=True) if self._left else None
        then, last_group = self._next_header(limit)
        if then is not None and then.offset == self.offset:
            here = then
            torn = not certain and here.group >= last_group
            if here.sequence > self.sequence + 1:  # it is whole, those before it are missing
                lost = here.sequence - self.sequence - 1
                return Damage(self.offset, self.offset, lost, torn, here.sequence - 1, here.group,
                              here.left + 1)
            end = min(here.end, limit)
            return Damage(self.offset, end, 1, torn, here.sequence, here.group, here.left)
        torn = not certain and (self._group if self._left else self._group + 1) >= last_group
        if then is None:
            return self._stop(limit, max(self._left, 1), torn)
        return Damage(self.offset, then.offset, max(then.sequence - self.sequence - 1, 1), torn,
                      then.sequence - 1, then.group, then.left + 1)

    def skip(self, damage: Damage) -> None:
        """Go on behind the damage."""
        self.offset, self.sequence = damage.end, damage.sequence
        self._group, self._left = damage.group, damage.left

    def passed_before(self, damage: Damage) -> bool:
        """All that the damage took lies where records are passed over anyway."""
        return self.sequence + damage.lost <= self._after

    def sync(self, files: Files) -> None:
        """Bring to disk what another process wrote here."""
        files.fsync(self._descriptor)

    def bytes_of(self, damage: Damage) -> bytes:
        """What stands where the damage is, without the zeros at its end."""
        data = os.pread(self._descriptor, damage.end - damage.start, damage.start)
        return data.rstrip(b"\0")

    def _stop(self, limit: int, lost: int, torn: bool) -> Damage:
        return Damage(self.offset, limit, lost, torn, self.sequence, self._group, 0)

    def _only_zeros(self, limit: int) -> bool:
        for offset in range(self.offset, limit, len(_ZEROS)):
            part = os.pread(self._descriptor, min(len(_ZEROS), limit - offset), offset)
            if not _ZEROS.startswith(part):
                return False
        return True

    def _next_header(self, limit: int) -> tuple[Found | None, int]:
        """The first intact header from here on up to `limit`, and the last group from there on.

        They are looked for once, as there may be much damage.
        """
        if self._found_limit != limit:
            rest = os.pread(self._descriptor, limit - self.offset, self.offset)
            self._found = find_headers(rest, self._seed, self.offset, self.sequence + 1,
                                       max(self._group, 1))
            backwards = accumulate((header.group for header in reversed(self._found)), max)
            self._last_groups = [*backwards][::-1]
            self._found_limit = limit
        first = bisect_left(self._found, self.offset, key=lambda header: header.offset)
        if first == len(self._found):
            return None, self._group
        return self._found[first], self._last_groups[first]
