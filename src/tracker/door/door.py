"""What all connections of a worker share: bounds, the way to the spool, counts, the sweep."""

import asyncio
from email.utils import formatdate
from typing import Protocol, cast

import structlog

from tracker.door.connection import Connection
from tracker.door.framing import Framing
from tracker.door.handover import Application
from tracker.door.handshake import shake_hands
from tracker.door.refusals import LINE_BYTES
from tracker.door.state import GONE
from tracker.door.websocket import WebSocket
from tracker.errors import RequestRefused, SpoolUnavailable
from tracker.intake import Answer, Intake, Request
from tracker.metrics import DoorCounts
from tracker.routes import TRACKING_ROUTES, WEBSOCKET, RouteMap
from tracker.settings import DoorSettings
from tracker.spool.writer import Spool

READING_BYTES = 64 << 20
"""The most bytes of all bodies that have begun to arrive; behind them 503."""

SPOKES = 8
"""A turn of the sweep visits one of so many groups of connections, to stop the loop less long."""

TURN_SECONDS = 1.0
"""How long until the sweep comes to the same connection again, at most."""

RETRY = (b"retry-after", b"1")

SHORT = "short"
"""What short URLs are counted under, beside the names of tracking routes."""

log = structlog.get_logger("tracker.door")


def http_date() -> bytes:
    """Now, as the Date header has it."""
    return formatdate(usegmt=True).encode()


class Waiter(Protocol):
    """Who waits for a hit to be durable."""

    def settled(self, error: SpoolUnavailable | None) -> None:
        """The hit is durable, or with `error` was not accepted."""

    def abort(self) -> None:
        """Answering failed; hang up."""


class Swept(Protocol):
    """A connection that the sweep watches."""

    spoke: int

    def turn(self, seconds: float) -> None:
        """So much time has passed since the last turn."""

    def stop(self) -> None:
        """The worker ends: close what is idle, finish the rest."""

    def abort(self) -> None:
        """Hang up without a word."""


class Door:
    """The door of one worker; everything here runs on its loop, but for `deliver`."""

    def __init__(self, settings: DoorSettings, intake: Intake, api_version: int,
                 loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self.short_bytes = min(LINE_BYTES, settings.header_bytes, settings.body_bytes)
        self.framing = Framing()
        self.accept = intake.accept
        self.streams = intake.streams
        self._open_stream = intake.open_stream
        self.soon = loop.call_soon
        self.links = intake.links
        self._refusal = intake.refusal
        self.stopping = False
        self.date = http_date()  # of answers; the sweep keeps it right
        self.received = 0
        self.reserved = 0
        self.entered = 0
        self.errors = 0
        self.hits = 0
        self.websockets = 0
        self.messages = 0
        self.requests: dict[tuple[str, int], int] = {}
        self._routes = RouteMap(api_version)
        self._names = {line.route: line.name for line in TRACKING_ROUTES if not line.shared}
        self._exact = {line.path(api_version).encode(): line.name for line in TRACKING_ROUTES
                       if not line.shared}
        self._loop = loop
        self._spokes: list[set[Swept]] = [set() for _ in range(SPOKES)]
        self._next = 0
        self._open = 0
        self._turning: asyncio.TimerHandle | None = None
        self._application: Application | None = None

    def furnish(self, spool: Spool, application: Application) -> None:
        """Connect what can only be made when the door is there; then `turn`."""
        self._spool = spool
        self.append = spool.append
        self._application = application
        self._turn()

    # Requests.

    def route(self, target: bytes, head: bytes) -> str | None:
        """The name of the tracking route of a raw target; that of short URLs where it is one.

        `head` holds the header lines, which name the host. One of which clicks are limited is
        left to the application, as its clicks are counted elsewhere.
        """
        name = self._exact.get(target)
        if name is not None:
            return name
        found = self._routes.find(target.partition(b"?")[0])
        if found is not None:
            return self._names.get(found[0])
        link = self.links.find(target, head)
        return None if link is None or link.limited else SHORT

    def count(self, route: str, status: int) -> None:
        """Count one answer."""
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1

    def reserve(self, size: int) -> SpoolUnavailable | None:
        """Room for a request of `size` bytes that has begun to arrive, or why there is none."""
        refusal = self._spool.refusal
        if refusal is not None:
            return SpoolUnavailable(refusal)
        if self.reserved + size > READING_BYTES:
            return SpoolUnavailable("too many large requests arrive at once")
        self.reserved += size
        return None

    def release(self, size: int) -> None:
        """The request is complete, or will not be."""
        self.reserved -= size

    def refusal(self, error: RequestRefused, head: bytes) -> Answer:
        """The answer that tells a client why; with 503, when to come again."""
        answer = self._refusal(error, head)
        if error.status != 503 or RETRY in answer.headers:
            return answer
        return answer.with_headers((RETRY,))

    def unavailable(self, error: SpoolUnavailable, head: bytes) -> Answer:
        """The answer while hits cannot be made durable. What is wrong is said to the log only."""
        del error
        refused = RequestRefused(503, "unavailable",
                                 "Nothing was accepted; send the same again in a second.")
        return self.refusal(refused, head)

    def failure(self) -> Answer:
        """The answer to a request that we failed at."""
        return self.refusal(RequestRefused(500, "internal_error",
                                           "The tracker failed at this request."), b"")

    def failed(self, error: Exception) -> None:
        """Count and log a fault of ours; what the request held is not in the log."""
        self.errors += 1
        log.error("request_failed", exc_info=error)

    # Durable hits.

    def deliver(self, waiters: list[object], error: SpoolUnavailable | None) -> None:
        """A group was committed; called by the spool in its thread."""
        self._loop.call_soon_threadsafe(self._settle, cast("list[Waiter]", waiters), error)

    def _settle(self, waiters: list[Waiter], error: SpoolUnavailable | None) -> None:
        if error is None:
            self.hits += len(waiters)
        for waiter in waiters:
            try:
                waiter.settled(error)
            except Exception as fault:  # the rest of the group is answered
                self.failed(fault)
                waiter.abort()

    # Connections.

    @property
    def connections(self) -> int:
        """How many connections are open, handed over ones too."""
        return self._open

    def connection(self, secure: bool) -> Connection:
        """The protocol of a new connection."""
        return Connection(self, secure)

    def enter(self, connection: Swept) -> bool:
        """Watch a connection; False when there are too many."""
        self.entered += 1
        connection.spoke = self.entered % SPOKES
        self._spokes[connection.spoke].add(connection)
        self._open += 1
        return self._open <= self.settings.connections and not self.stopping

    def leave(self, connection: Swept) -> None:
        """The connection is no longer ours to watch."""
        spoke = self._spokes[connection.spoke]
        if connection in spoke:
            spoke.remove(connection)
            self._open -= 1

    def upgrade(self, connection: Connection, transport: asyncio.Transport, request: Request,
                data: bytes) -> None:
        """Let a connection go on as the WebSocket that it asks for; `data` came behind the head.

        Raises `RequestRefused` for a request that is no handshake.
        """
        stream = self._open_stream(request)
        protocol = shake_hands(request.head, stream.cookies, self.settings.body_bytes)
        self.count(WEBSOCKET, 101)
        self.received += len(request.head)
        self.websockets += 1
        connection.state = GONE
        self.let_go(connection)
        websocket = WebSocket(self, stream, protocol, transport)
        transport.set_protocol(websocket)
        transport.resume_reading()
        websocket.begin(data)

    def let_go(self, connection: Swept) -> None:
        """The connection goes on under another protocol, which enters in its place."""
        self.leave(connection)
        self.entered -= 1

    def hand_over(self, connection: Connection, transport: asyncio.Transport, data: bytes,
                  recorded: bool) -> None:
        """Let the application have a connection, with the bytes that the door has read of it."""
        assert self._application is not None
        self.let_go(connection)
        protocol = self._application.protocol(self, recorded)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        transport.resume_reading()
        protocol.data_received(data)

    def _turn(self) -> None:
        limits = self.settings
        seconds = min(TURN_SECONDS, limits.idle_seconds / 4, limits.header_seconds / 4,
                      limits.body_seconds / 4, limits.write_seconds / 4)
        self._turning = self._loop.call_later(seconds / SPOKES, self._turn)
        self._next = (self._next + 1) % SPOKES
        date = http_date()
        if date != self.date:
            self.date = date
        for connection in tuple(self._spokes[self._next]):
            try:
                connection.turn(seconds)
            except Exception as fault:  # the others are swept too
                self.failed(fault)
                connection.abort()

    async def stop(self, seconds: float) -> None:
        """Finish what is in flight, for so many seconds at most; then hang up."""
        self.stopping = True
        deadline = self._loop.time() + seconds
        for connection in self._watched():
            connection.stop()
        while self._open and self._loop.time() < deadline:  # noqa: ASYNC110 - at most seconds
            await asyncio.sleep(0.02)
        for connection in self._watched():
            connection.abort()
        if self._turning is not None:
            self._turning.cancel()

    def _watched(self) -> list[Swept]:
        return [connection for spoke in self._spokes for connection in spoke]

    def counts(self, events: int) -> DoorCounts:
        """The counters so far; `events` is what the spool made durable."""
        return DoorCounts(self.entered, self.hits, events, self.received, self.errors,
                          {f"{route or 'other'} {status}": count
                           for (route, status), count in self.requests.items()},
                          self.websockets, self.messages)

