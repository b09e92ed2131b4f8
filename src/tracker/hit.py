"""What one client sent, once: the record that the spool keeps and the sequencer reads."""

from enum import IntEnum

import msgspec

ID_BYTES = 16


class Route(IntEnum):
    """Where a hit came in. Numbers are on disk: never reuse or renumber one."""

    TR = 1
    STR = 2
    IMG = 3
    RDR = 4
    XRDR = 5
    PUB = 6
    LTV = 7
    WS = 8
    SHORT = 9
    AGREE = 10
    LAWS = 11
    LINK = 12  # a change of a short URL
    LOG = 20
    COUNT = 21
    UPDATE = 22


OWN = frozenset({Route.LAWS, Route.LINK})
"""Hits that the tracker makes itself; no client can."""

KEYED = frozenset({Route.LOG, Route.COUNT, Route.UPDATE})
"""Hits that the application takes of services, which show a key."""

SERVER_SIDE = frozenset({Route.STR, Route.RDR, Route.PUB, Route.LTV, Route.AGREE, Route.LAWS})
"""Routes whose events count as sent by a server, not by a visitor's device."""


class Shape(IntEnum):
    """What the door found the body to be. Numbers are on disk."""

    NONE = 0
    OBJECT = 1
    ARRAY = 2
    NDJSON = 3
    FORM = 4
    LINES = 5  # of a log, see tracker.imported; no client can send it


BATCHES = frozenset({Shape.ARRAY, Shape.NDJSON})
"""Shapes of many events; only what an event itself says is its own."""


class Hit(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One request that was accepted; on disk as a msgpack array.

    Later versions add fields at the end, with defaults; no field changes its type or place.

    `id`       16 bytes, a version 1 UUID (RFC 9562) unique over all workers and restarts; the door
               keeps the next `events` ticks free, so that `event_id` is unique too
    `received` nanoseconds since 1970, UTC, when the request was complete
    `address`  the client's IP in canonical text, "" when unknown
    `head`     request line and headers as received, lines ended by CRLF, without the empty line,
               without Authorization and without cookies that are not ours
    `body`     after content decoding; checked by the door to be what `shape` says
    `events`   how many events of the body were accepted (1 where the shape is not a batch)
    `refused`  indexes in a batch that were refused and named to the client
    `secure`   the client came by TLS
    `replayed` it was a dead letter: its events are remembered by id, so that a second replay of
               the same letter counts none twice
    `imported` it is a line of a log: its time is the log's, and its id is remembered nowhere
    """

    id: bytes
    received: int
    route: int
    address: str
    head: bytes
    body: bytes
    shape: int
    events: int
    refused: tuple[int, ...] = ()
    secure: bool = False
    replayed: bool = False
    imported: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Hit)


def encode_hit(hit: Hit) -> bytes:
    """The bytes of one spool record."""
    return _encoder.encode(hit)


def decode_hit(record: bytes | memoryview) -> Hit:
    """The hit in one spool record; raises `msgspec.DecodeError` when it is none."""
    try:
        return _decoder.decode(record)
    except (UnicodeDecodeError, RecursionError) as error:  # of texts and nesting no hit has
        raise msgspec.DecodeError(str(error)) from error


def event_id(hit_id: bytes, index: int) -> bytes:
    """The 16-byte id of the event at `index` (0-based, refused ones counted) of a hit.

    The hit's own time-based UUID with its 60-bit timestamp moved on by `index` + 1 ticks.
    """
    low, mid, high = hit_id[0:4], hit_id[4:6], hit_id[6:8]
    ticks = ((int.from_bytes(high, "big") & 0x0FFF) << 48
             | int.from_bytes(mid, "big") << 32
             | int.from_bytes(low, "big")) + index + 1
    return id_from_ticks(ticks, hit_id[8:16])


def id_from_ticks(ticks: int, tail: bytes) -> bytes:
    """A version 1 UUID of 100 ns `ticks` since 1582-10-15 and the 8 bytes behind the time."""
    ticks &= (1 << 60) - 1
    return ((ticks & 0xFFFFFFFF).to_bytes(4, "big")
            + (ticks >> 32 & 0xFFFF).to_bytes(2, "big")
            + (0x1000 | ticks >> 48).to_bytes(2, "big")
            + tail)


def id_text(id_bytes: bytes) -> str:
    """The canonical text of a 16-byte id; also what a missing `vid` or `sid` becomes."""
    digits = id_bytes.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
