"""Lines of a log as one record of the spool: a file, a range of its lines, an event for each."""

from collections.abc import Iterator

import msgspec

from tracker.hit import Hit, Shape, id_from_ticks

SPOOL = "import"
"""The directory of the spool that imports write, among those of the workers."""

_TAIL_BYTES = 8
_SECOND = 10**9
_TICKS = 10**7  # of a second
_TICKS_TO_1970 = 0x01B21DD213814000  # since 1582-10-15, RFC 9562


class Head(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What lines have in common: the route that their hits count as, and the bytes of a head."""

    route: int
    head: bytes


class Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One line that is an event.

    `number`    of the line in its file; the first is 1
    `received`  nanoseconds since 1970, UTC: when the server that wrote the line got the request
    `address`   the client's, or a hash that stands for it; "" when unknown
    `head`      its place in `Lines.heads`
    `event`     a JSON object
    """

    number: int
    received: int
    address: str
    head: int
    event: bytes


class Lines(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The body of a hit of shape LINES; on disk as a msgpack array, so new fields come last.

    It settles the lines behind `after` up to and with `through`: those not in `lines` are no
    events. Nothing else says that lines up to `after` are settled.

    `file`   what the file is known by, at least 16 hexadecimal digits
    """

    file: str
    after: int
    through: int
    heads: list[Head]
    lines: list[Line]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Lines).decode


def encode_lines(lines: Lines) -> bytes:
    """The body of a hit."""
    return _encode(lines)


def decode_lines(body: bytes) -> Lines:
    """What `encode_lines` wrote; raises `msgspec.DecodeError` for other bytes."""
    try:
        lines = _decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    if any(not 0 <= line.head < len(lines.heads) for line in lines.lines):
        raise msgspec.ValidationError("a line names a head that is not there")
    return lines


def hits_of(lines: Lines, settled: int) -> Iterator[Hit]:
    """A hit for each line behind number `settled`, as if its request had come here.

    The id follows from file, number and time: whoever reads the file again finds the same.
    """
    tail = _tail(lines.file)
    for line in lines.lines:
        if line.number > settled:
            head = lines.heads[line.head]
            ticks = line.received // _SECOND * _TICKS + _TICKS_TO_1970 + line.number % _TICKS
            yield Hit(id_from_ticks(ticks, tail), line.received, head.route, line.address,
                      head.head, line.event, Shape.OBJECT, 1, imported=True)


def _tail(file: str) -> bytes:
    """What ends the ids of one file: clock sequence and node of a version 1 UUID (RFC 9562)."""
    tail = bytearray(bytes.fromhex(file[:2 * _TAIL_BYTES]))
    tail[0] = tail[0] & 0x3F | 0x80
    tail[2] |= 0x01  # not the address of a network card
    return bytes(tail)
