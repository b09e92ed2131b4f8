"""Segments of a spool, whole and damaged, read as the sequencer reads them."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from tracker.errors import SpoolCorrupt, TrackerError
from tracker.spool.mark import _FILE_BYTES, _newest
from tracker.spool.scan import Record, Scan
from tracker.spool.segment import (
    FIRST_GROUP,
    RECORD_HEADER_BYTES,
    SECTOR,
    SegmentHeader,
    aligned,
    decode_header,
    encode_group,
    encode_header,
    next_group,
    seed_of,
)

SALT = b"a salt of length"
HEADER = SegmentHeader(bytes(range(16)), 1, SALT, 0)
_STEP = 4
_ALL = 1 << 30


class Segment(NamedTuple):
    """A segment, and where in it each of its records stands."""

    content: bytes
    end: int
    places: dict[int, tuple[int, bytes]]


def make_segment(groups: Sequence[Sequence[bytes]], zeros: int = 1536) -> Segment:
    """A segment with these groups of records, and zeros behind them."""
    content = bytearray(encode_header(HEADER))
    places: dict[int, tuple[int, bytes]] = {}
    for number, group in enumerate(groups, 1):
        content.extend(bytes(next_group(len(content)) - len(content)))
        at = len(content)
        content += encode_group(group, seed_of(SALT), at, len(places) + 1, number)
        for record in group:
            places[len(places) + 1] = at, record
            at += RECORD_HEADER_BYTES + aligned(len(record))
    end = len(content)
    return Segment(bytes(content) + bytes(next_group(end) - end + zeros), end, places)


_SEGMENTS = (
    make_segment([[b"one"]]),
    make_segment([[b"a" * 40, b"b" * 7, b""], [b"c" * 600], [b"d", b"e" * 100]]),
    make_segment([[bytes([n]) * (n * 13 % 90) for n in range(m, m + 4)] for m in range(9)]),
)


def damaged(content: bytes, steps: bytes) -> bytes:
    """The content with damage: each four bytes say of what kind, where, and what."""
    made = bytearray(content)
    for at in range(0, len(steps) - _STEP + 1, _STEP):
        kind, high, low, value = steps[at:at + _STEP]
        place = (high << 8 | low) % max(len(made), 1)
        sector = place // SECTOR * SECTOR
        if kind % 5 == 0 and made:
            made[place] ^= value
        elif kind % 5 == 1:
            made[sector:sector + SECTOR] = bytes(len(made[sector:sector + SECTOR]))
        elif kind % 5 == 2:
            source = value * SECTOR % max(len(made), 1)
            part = made[source:source + SECTOR]
            made[sector:sector + len(part)] = part
        elif kind % 5 == 3:
            del made[place + 1024:]
        else:
            made[place:place + 4] = bytes([value]) * len(made[place:place + 4])
    return bytes(made)


def check(data: bytes) -> None:
    """Records that were not touched are found, in order, and none that was never written."""
    if not data:
        return
    segment = _SEGMENTS[data[0] % len(_SEGMENTS)]
    content = damaged(segment.content, data[2:])
    try:
        header = decode_header(content[:FIRST_GROUP])
    except (SpoolCorrupt, TrackerError):
        return
    if header is None:
        return
    certain = data[1:2] > b"\x80"
    found = read(content, header, segment.end if certain else len(content), certain)
    numbers = [record.sequence for record in found]
    assert numbers == sorted(set(numbers))
    assert all(segment.places[record.sequence][1] == record.data for record in found)
    if header == HEADER:
        assert set(numbers) >= untouched(segment, content)


def untouched(segment: Segment, content: bytes) -> set[int]:
    """The numbers of records of which every byte stands as it was written."""
    whole = set()
    for number, (at, record) in segment.places.items():
        end = at + RECORD_HEADER_BYTES + len(record)
        if content[at:end] == segment.content[at:end]:
            whole.add(number)
    return whole


def read(content: bytes, header: SegmentHeader, limit: int, certain: bool) -> list[Record]:
    """All records of a segment, over all damage; the descriptor is one in memory."""
    descriptor = os.memfd_create("segment")
    scan = Scan(descriptor, header)
    try:
        os.write(descriptor, content)
        found: list[Record] = []
        for _ in range(len(content) + 10):
            if scan.read(limit, found, _ALL, _ALL):
                return found
            damage = scan.damage(limit, certain)
            if damage is None:
                return found
            assert damage.end > scan.offset or damage.sequence > scan.sequence or damage.lost
            scan.bytes_of(damage)
            scan.skip(damage)
    finally:
        scan.close()
    raise AssertionError("reading does not end")


def check_segments(data: bytes) -> None:
    """Any bytes as a segment: what is no header is said to be none."""
    try:
        header = decode_header(data)
    except (SpoolCorrupt, TrackerError):
        header = None
    read(data, header or HEADER, len(data), False)


def check_marks(data: bytes) -> None:
    """Any bytes as the mark: the newest whole slot, or none."""
    newest = _newest(data.ljust(_FILE_BYTES, b"\0"))  # type: ignore[arg-type]  # bytes slice alike
    assert newest is None or newest[0] > 0
