"""The bytes of a segment file: its header, records in commit groups, checksums over both.

A segment starts with its header, twice, 512 bytes each. Behind it come commit groups, each on a
multiple of 512 bytes; inside a group records follow each other on multiples of 8. All else is zero.
Every checksum is seeded with the segment's random salt, and that of a record's header also with
its offset: bytes of another segment, or from another place, never pass for a record.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from tracker.errors import SpoolCorrupt, TrackerError

MAGIC = b"TRKSPOOL"
VERSION = 1
SECTOR = 512
HEADER_BYTES = SECTOR
FIRST_GROUP = 2 * HEADER_BYTES
SALT_BYTES = 16
SPOOL_ID_BYTES = 16
RECORD_HEADER_BYTES = 32

_HEADER = struct.Struct("<8sI4x16sQ16sQQQ")  # then its CRC, then zeros
RECORD = struct.Struct("<IIQQII")  # length, body CRC, sequence, group, left, header CRC
_CHECKED = struct.Struct("<IIQQI")  # what the header CRC covers
CHECKED_BYTES = _CHECKED.size
_CRC = struct.Struct("<I")
_PADDING = tuple(bytes(-length % 8) for length in range(8))


class SegmentHeader(NamedTuple):
    """What a segment says of itself.

    `spool`         id of the spool, 16 bytes
    `generation`    number of this opening; grows with every segment of the spool
    `salt`          16 random bytes
    `created`       nanoseconds since 1970, UTC
    `previous`      generation that the same process wrote before this one, or 0
    `previous_end`  where the last synced group of `previous` ends; behind it nothing was accepted
    """

    spool: bytes
    generation: int
    salt: bytes
    created: int
    previous: int = 0
    previous_end: int = 0


def encode_header(header: SegmentHeader) -> bytes:
    """The first bytes of a segment, up to `FIRST_GROUP`: the header and its copy."""
    packed = _HEADER.pack(MAGIC, VERSION, header.spool, header.generation, header.salt,
                          header.created, header.previous, header.previous_end)
    block = (packed + _CRC.pack(zlib.crc32(packed))).ljust(HEADER_BYTES, b"\0")
    return block + block


def decode_header(data: bytes) -> SegmentHeader | None:
    """The header in the first bytes of a segment, or its copy; None where nothing was written.

    Raises `SpoolCorrupt` when neither can be read, `TrackerError` when a newer version wrote it.
    """
    for start in (0, HEADER_BYTES):
        packed = data[start:start + _HEADER.size]
        crc = data[start + _HEADER.size:start + _HEADER.size + _CRC.size]
        if crc != _CRC.pack(zlib.crc32(packed)) or len(packed) != _HEADER.size:
            continue
        magic, version, *fields = _HEADER.unpack(packed)
        if magic == MAGIC and version == VERSION:
            return SegmentHeader(*fields)
        if magic == MAGIC:
            raise TrackerError(f"the segment has format {version}, this version reads {VERSION}: "
                               "start the version that wrote it")
    if data.count(0) == len(data):
        return None
    raise SpoolCorrupt("neither the segment's header nor its copy can be read")


def seed_of(salt: bytes) -> int:
    """What all checksums of a segment start from."""
    return zlib.crc32(salt)


def aligned(offset: int) -> int:
    """The first place at or behind `offset` where a record may stand."""
    return (offset + 7) & -8


def next_group(offset: int) -> int:
    """The first place at or behind `offset` where a group may begin."""
    return (offset + SECTOR - 1) & -SECTOR


def room_for(length: int) -> int:
    """How many bytes of a group a record with a body of `length` takes."""
    return RECORD_HEADER_BYTES + aligned(length)


def encode_group(records: Sequence[bytes], seed: int, offset: int, sequence: int,
                 group: int) -> bytes:
    """The bytes of one commit group at `offset`, whose first record is number `sequence`."""
    parts: list[bytes] = []
    crc32, pack, pack_crc = zlib.crc32, _CHECKED.pack, _CRC.pack
    left = len(records)
    for record in records:
        left -= 1
        length = len(record)
        head = pack(length, crc32(record, seed), sequence, group, left)
        parts += (head, pack_crc(crc32(head, seed ^ offset)), record, _PADDING[length & 7])
        sequence += 1
        offset += RECORD_HEADER_BYTES + ((length + 7) & -8)
    return b"".join(parts)
