"""Bytes of a connection through the door, without a socket and without a disk."""

import asyncio
import json
import re
import zlib
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Any, NamedTuple, cast

from tracker.door.door import Door, Waiter
from tracker.door.framing import CONTINUE
from tracker.door.handover import Application
from tracker.hit import decode_hit
from tracker.intake import Intake
from tracker.intake.head import OUR_COOKIES
from tracker.settings import ConsentSettings, DoorSettings, IntakeSettings
from tracker.spool.writer import Spool

TAIL = bytes.fromhex("8001a1a2a3a4a5a6")
NOW = 1_795_000_000_123_456_789
PEER = "192.0.2.1"
DATE = b"Wed, 25 Nov 2026 10:00:00 GMT"
SETTINGS = (
    IntakeSettings(),
    IntakeSettings(
        body_bytes=2_048, events_per_request=20, json_depth=5, keys_per_event=12,
        domains=("shop.example",), allow_origin="https://a.example",
        default_redirect="https://home.example/", ignore_query_key="igqp",
        trusted_proxies=(ip_network("192.0.2.0/24"),), consent=ConsentSettings(1, 2)),
)
STATUSES = frozenset({101, 200, 204, 207, 302, 400, 403, 404, 405, 408, 413, 414, 415, 426, 431,
                      503})
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [A-Za-z -]+\r\n")
_SECRET = re.compile(rb"\r\n(?:proxy-)?authorization[ \t]*:", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\ncookie[ \t]*:([^\r]*)", re.IGNORECASE)
_LOOP = asyncio.new_event_loop()


class Outcome(NamedTuple):
    """What came of a connection: bytes answered, records kept, bytes handed to the application."""

    answered: bytes
    records: tuple[bytes, ...]
    handed: bytes


class Wire(asyncio.Transport):
    """A connection in memory."""

    def __init__(self) -> None:
        super().__init__({"peername": (PEER, 50_000)})
        self.written = b""
        self.protocol: Any = None
        self.closed = False

    def write(self, data: Any) -> None:
        """Take what is answered."""
        assert not self.closed
        self.written += data

    def can_write_eof(self) -> bool:
        """As a plain socket can."""
        return True

    def write_eof(self) -> None:
        """No more is answered."""

    def close(self) -> None:
        """The door hangs up."""
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        """Whether it has hung up."""
        return self.closed

    def set_protocol(self, protocol: Any) -> None:
        """Another one reads from here on."""
        self.protocol = protocol

    def pause_reading(self) -> None:
        """It sends on all the same; whoever pauses must bear that."""

    def resume_reading(self) -> None:
        """Nothing was held back."""


class Kept:
    """Where hits go; they count as durable when `settle` is called."""

    refusal = None

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._waiters: list[Waiter] = []

    def append(self, record: bytes, waiter: Waiter, events: int) -> None:
        """Keep one record."""
        assert events > 0
        self.records.append(record)
        self._waiters.append(waiter)

    def settle(self) -> None:
        """Answer all that wait, also those that begin to wait meanwhile."""
        while self._waiters:
            self._waiters.pop(0).settled(None)


class Handed(asyncio.Protocol):
    """Takes over connections, and only notes what comes."""

    def __init__(self) -> None:
        self.data = b""

    def protocol(self, door: Door, recorded: bool = False) -> "Handed":
        """The protocol of a connection that is handed over."""
        del door, recorded
        return self

    def data_received(self, data: bytes) -> None:
        """Bytes that the door does not answer."""
        self.data += data


class StrictDoor(Door):
    """A door whose faults are findings."""

    def failed(self, error: Exception) -> None:
        """Say what went wrong instead of answering 500."""
        raise error


def converse(settings: IntakeSettings, pieces: Iterable[bytes]) -> Outcome:
    """Send pieces over one connection."""
    intake = Intake(settings, TAIL, lambda: NOW)
    door = StrictDoor(DoorSettings(body_bytes=settings.body_bytes), intake, settings.api_version,
                      _LOOP)
    kept, handed, wire = Kept(), Handed(), Wire()
    door.furnish(cast("Spool", kept), cast("Application", handed))
    door.date = DATE
    soon: list[Callable[[], object]] = []
    door.soon = soon.append  # type: ignore[assignment]  # its turns of the loop come at once
    wire.protocol = door.connection(False)
    wire.protocol.connection_made(wire)
    for piece in pieces:
        if wire.closed:
            break
        wire.protocol.data_received(piece)
        kept.settle()
        while soon:
            soon.pop(0)()
            kept.settle()
    assert door.reserved in {0, getattr(wire.protocol, "_reserved", 0)}
    wire.protocol.connection_lost(None)
    assert door.reserved == 0
    if door._turning is not None:
        door._turning.cancel()
    return Outcome(wire.written.replace(CONTINUE, b""), tuple(kept.records), handed.data)


def cut(data: bytes) -> list[bytes]:
    """The data in pieces of a length that depends on it."""
    step = 1 + zlib.crc32(data) % 97
    return [data[at:at + step] for at in range(0, len(data), step)]


def check(data: bytes) -> None:
    """Answers are well formed, secrets stay out, and it does not matter how packets were cut."""
    settings = SETTINGS[zlib.crc32(data) >> 8 & 1]
    whole = converse(settings, [data])
    pieces = converse(settings, cut(data))
    becomes_socket = b"HTTP/1.1 101 " in whole.answered  # its records are for another check
    assert becomes_socket or whole.records == pieces.records
    if not whole.handed and not pieces.handed and not becomes_socket:
        assert _comparable(whole.answered) == _comparable(pieces.answered)
    for record in whole.records:
        check_head(decode_hit(record).head)
    if b"HEAD" not in data and b"OPTIONS" not in data:
        check_answers(whole.answered)


def _comparable(answered: bytes) -> bytes:
    """The answers; of a last one that refuses and closes only that it does.

    With more of a request at hand another fault may be seen first.
    """
    found = [*_STATUS.finditer(answered)]
    last = found[-1] if found else None
    if last is not None and last[1].startswith(b"4") \
            and b"\r\nconnection: close\r\n" in answered[last.start():]:
        return answered[:last.start()]
    return answered


def check_head(head: bytes) -> None:
    """Credentials and cookies of others are gone."""
    assert head.endswith(b"\r\n")
    assert _SECRET.search(head) is None
    for field in _COOKIE.findall(head):
        names = {part.partition(b"=")[0].strip() for part in field.split(b";")}
        assert names <= set(OUR_COOKIES)


def check_answers(answered: bytes) -> None:
    """Each answer is one of ours; a refusal has the shape of an error."""
    while answered:
        head, _, rest = answered.partition(b"\r\n\r\n")
        status = _STATUS.match(head + b"\r\n")
        assert status is not None
        assert int(status[1]) in STATUSES
        if status[1] == b"101":
            return  # what follows is no HTTP
        length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        body, answered = rest[:length], rest[length:]
        assert len(body) == length
        if int(status[1]) >= 400:
            assert {"code", "message", "field"} == json.loads(body)["error"].keys()
