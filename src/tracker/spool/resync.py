"""Finds intact record headers in bytes whose order is lost; only ever run on damage."""

import zlib
from typing import NamedTuple

import numpy as np

from tracker.spool.segment import (
    CHECKED_BYTES,
    RECORD,
    RECORD_HEADER_BYTES,
    aligned,
    next_group,
)


class Found(NamedTuple):
    """An intact record header at `offset`; the record and its padding go up to `end`."""

    offset: int
    end: int
    sequence: int
    group: int
    left: int


def find_headers(data: bytes, seed: int, offset: int, sequence: int, group: int) -> list[Found]:
    """The intact headers in `data`, which stands at `offset`, a multiple of 8, in its segment.

    Numbers of records and groups only grow: those below `sequence` and `group` are not looked for.
    """
    words = np.frombuffer(data, "<u8", count=len(data) // 8)
    if len(words) < RECORD_HEADER_BYTES // 8:
        return []
    numbers, groups = words[1:-2], words[2:-1]
    # Few places hold two numbers in the right range; the checksum decides on those.
    likely = ((numbers >= sequence) & (numbers <= sequence + len(words))
              & (groups >= group) & (groups <= group + len(words)))
    found = []
    for index in np.flatnonzero(likely).tolist():
        start = index * 8
        length, _, number, its_group, left, crc = RECORD.unpack_from(data, start)
        if crc == zlib.crc32(data[start:start + CHECKED_BYTES], seed ^ (offset + start)):
            end = offset + start + RECORD_HEADER_BYTES + aligned(length)
            found.append(Found(offset + start, end if left else next_group(end), number, its_group,
                               left))
    return found
