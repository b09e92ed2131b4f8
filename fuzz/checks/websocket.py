"""WebSockets as the door reads them: the same events and answers however packets were cut."""

import json
from typing import Any, NamedTuple

import lz4.block

from fuzz.checks.door import SETTINGS, converse, cut
from tracker.errors import RequestRefused
from tracker.hit import Route, decode_hit
from tracker.intake.packed import unpack
from tracker.refine.reading import Reader
from tracker.settings import RefineSettings

_HANDSHAKE = (b"GET /tr/v1/ws HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\n"
              b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%b\r\n")
_DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
_READER = Reader(RefineSettings())
_LIMIT = 1 << 16
_NOT_UTF8 = b"\x03\xefa text message is not UTF-8"
_TEXT, _CLOSE, _PONG = 1, 8, 10


class Said(NamedTuple):
    """What a client was told: the last count, all errors, all pongs, the close frame."""

    ack: int
    errors: list[dict[str, Any]]
    pongs: list[bytes]
    closed: bytes | None


def check(data: bytes) -> None:
    """Frames of any kind; the first byte says whether deflate is agreed on, and which settings."""
    first, frames = data[:1], data[1:]
    kind = first[0] if first else 0
    head = _HANDSHAKE % (_DEFLATE if kind & 1 else b"")
    settings = SETTINGS[kind >> 1 & 1]
    whole = converse(settings, [head + frames])
    pieces = converse(settings, [head, *cut(frames)])
    said, again = _said(whole.answered), _said(pieces.answered)
    assert said[:2] == again[:2]
    if _NOT_UTF8 in {said.closed, again.closed}:
        # Frames are read ahead, so what stands behind a bad text may be answered before it.
        assert said.closed is not None is not again.closed
    else:
        assert said == again
    events = _events(whole.records)
    assert events == _events(pieces.records)
    assert len({error["n"] for error in said.errors}) <= said.ack


def _events(records: tuple[bytes, ...]) -> list[dict[str, Any]]:
    hits = [decode_hit(record) for record in records]
    frame, _ = _READER.read(hits)
    assert [] == frame.dead
    assert len(frame) == sum(hit.events for hit in hits)
    assert all(hit.route == Route.WS for hit in hits)
    return frame.events


def _said(answered: bytes) -> Said:
    head, _, rest = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    ack, closed = 0, None
    errors: list[dict[str, Any]] = []
    pongs = []
    for opcode, data in _frames(rest):
        assert closed is None, "something stands behind a close frame"
        if opcode == _TEXT:
            said = json.loads(data)
            assert {"ack", "errors"} == said.keys()
            assert said["ack"] > ack
            ack = said["ack"]
            errors += said["errors"]
            assert all(error["n"] <= ack for error in said["errors"])
        elif opcode == _PONG:
            pongs.append(data)
        else:
            assert _CLOSE == opcode
            closed = data
    return Said(ack, errors, pongs, closed)


def _frames(data: bytes) -> list[tuple[int, bytes]]:
    """What the server sent: whole frames, not masked, not compressed."""
    found, at = [], 0
    while at < len(data):
        assert data[at] & 0xF0 == 0x80
        size, begin = data[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size = int.from_bytes(data[begin:begin + width], "big")
            begin += width
        found.append((data[at] & 15, data[begin:begin + size]))
        assert len(found[-1][1]) == size
        at = begin + size
    return found


def check_packed(data: bytes) -> None:
    """LZ4: never more than the bound, as long as it says, and what was packed comes back."""
    try:
        text = unpack(data, _LIMIT)
    except RequestRefused as error:
        assert error.code in {"not_lz4", "message_too_large"}
    else:
        assert len(text) <= _LIMIT
    assert data == unpack(lz4.block.compress(data), _LIMIT)
