"""One client's HTTP/1 connection, as long as it sends what the door answers itself."""

import asyncio
from typing import TYPE_CHECKING, cast

from tracker.door import refusals
from tracker.door.address import peer_address
from tracker.door.framing import (
    CONTINUE,
    HEAD_END,
    MALFORMED,
    OTHER,
    UPGRADE,
    WHOLE,
    content_length,
    without_upgrade,
)
from tracker.door.refusals import AHEAD_BYTES, BODY_STEP, JUDGED_BYTES, LINE_BYTES, LINGER_SECONDS
from tracker.door.state import BODY, DRAIN, GONE, HEAD, READY, SPOOL, State
from tracker.errors import RequestRefused, SpoolUnavailable
from tracker.intake import Accepted, Answer, Request
from tracker.routes import WEBSOCKET

if TYPE_CHECKING:
    from tracker.door.door import Door


class Connection(asyncio.Protocol):
    """Reads requests one by one; answers each when its hit is durable.

    A request that came in one piece takes the short way (`_take`). What came in pieces or together
    with others is sorted out first (`_sort`); what is not for the door goes to the application.
    """

    __slots__ = ("_accepted", "_buffer", "_chunks", "_clogged", "_door", "_goal", "_head",
                 "_http10", "_keep", "_missing", "_paused", "_peer", "_reserved", "_route",
                 "_searched", "_secure", "_whole", "age", "spoke", "state", "transport")

    def __init__(self, door: "Door", secure: bool) -> None:
        self._door = door
        self._secure = secure
        self._peer = ""
        self._buffer = b""  # not looked at yet; in state HEAD the head so far
        self._searched = 0  # so much of the buffer holds no end of a head
        self._chunks: list[bytes] = []  # the request so far, in state BODY
        self._missing = 0
        self._goal = 0  # no more than this may be missing at the end of the next `body_seconds`
        self._reserved = 0
        self._route = ""
        self._keep = True
        self._http10 = False
        self._accepted: Accepted | None = None  # in state SPOOL
        self._head = b""
        self._whole = b""
        self._clogged = False  # the client does not read; reading is paused
        self._paused = False  # reading is paused because much has come ahead
        self.transport: asyncio.Transport | None = None
        self.state = READY
        self.age = 0.0  # seconds in this state, as the sweep counts them
        self.spoke = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.transport = cast("asyncio.Transport", transport)
        self._peer = peer_address(transport)
        if not self._door.enter(self):
            self._refuse(refusals.too_many_connections())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio has it
        """The client is gone; what it sent completely stays accepted."""
        self.transport = None
        self.state = GONE
        self._chunks = []
        self._buffer = b""
        self._release()
        self._door.leave(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client have come."""
        try:
            if self.state is READY:
                self._take(data)
            else:
                self._more(data)
        except Exception as error:  # one request's fault is not the next one's
            self._fail(error)

    def eof_received(self) -> bool:
        """The client sends no more; it still gets the answer to what it sent."""
        if self.state is SPOOL:
            self._keep = False
            return True
        return False

    def pause_writing(self) -> None:
        """The client does not read its answers: read no more of its requests."""
        self._clogged = True
        self.age = 0.0
        if self.transport is not None and self.state is not GONE:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has read its answers."""
        self._clogged = False
        self.age = 0.0
        self._read_on()

    # One request.

    def _take(self, data: bytes) -> None:
        door = self._door
        if len(data) <= door.short_bytes:
            words = data.split(b" ", 2)
            if (len(words) == 3 and words[2].startswith(b"HTTP/1.1\r\n")
                    and b"\r" not in words[1] and b"\n" not in words[1]):
                route = door.route(words[1], words[2])
                framing = door.framing
                if route is not None and framing.judge(data) is WHOLE:
                    self._http10 = False
                    body = framing.body
                    self._accept(route, words[0], words[1], data[:len(data) - len(body) - 2], data)
                    return
        self._buffer = data
        self._go_on()

    def _accept(self, route: str, method: bytes, target: bytes, head: bytes, whole: bytes) -> None:
        door = self._door
        framing = door.framing
        door.received += len(whole)
        self._route = route
        self._keep = framing.keep_alive
        try:
            accepted = door.accept(
                Request(method, target, head, framing.body, self._peer, self._secure))
            if isinstance(accepted, Answer):
                self._reply(accepted)
                return
            door.append(accepted.record, self, accepted.events)
        except RequestRefused as error:
            self._reply(door.refusal(error, head))
        except SpoolUnavailable as error:
            self._reply(door.unavailable(error, head))
        else:
            self._accepted = accepted
            self._head = head
            if accepted.file:
                self._whole = whole
            self.state = SPOOL

    def settled(self, error: SpoolUnavailable | None) -> None:
        """The hit is durable, or with `error` was not accepted: answer, and take the next."""
        accepted, self._accepted = self._accepted, None
        if self.transport is None or accepted is None:
            return
        self.state = READY
        self.age = 0.0
        if error is not None:
            self._reply(self._door.unavailable(error, self._head))
        elif accepted.file:
            whole, self._whole = self._whole, b""
            self._hand_over(whole + self._buffer, recorded=True)
            return
        else:
            self._reply(accepted.answer)
        if self._buffer or self._paused:
            self._go_on()

    def _reply(self, answer: Answer) -> None:
        transport = self.transport
        if transport is None:
            return
        self._door.count(self._route, answer.status)
        transport.write(answer.encode(self._keep, self._http10, self._door.date))
        if not self._keep or self._door.stopping:
            self._close()

    # Requests that did not come in one piece, or not alone.

    def _go_on(self) -> None:
        while self._buffer and self.state is READY:
            self._sort()
        if self._paused:
            self._read_on()

    def _read_on(self) -> None:
        """Read the socket again, unless something still speaks against it."""
        if self._clogged or self.transport is None or self.state is GONE:
            return
        if self._paused and self.state is SPOOL:
            return
        self._paused = False
        self.transport.resume_reading()

    def _sort(self) -> None:
        """Take one request from the buffer, or wait for the rest of it."""
        if self._searched == 0 and self._buffer[0] in b"\r\n":
            self._buffer = self._buffer.lstrip(b"\r\n")  # some clients end a body with one
            return
        end = self._buffer.find(HEAD_END, max(self._searched - 3, 0))
        if end < 0:
            self._wait_for_head()
            return
        self._searched = 0
        self.age = 0.0
        words = self._buffer[:self._buffer.find(b"\r\n")].split(b" ")
        route = self._door.route(words[1], self._buffer[:end]) if len(words) == 3 else None
        self._route = route or ""
        if end > self._door.settings.header_bytes or sum(map(len, words)) > LINE_BYTES:
            self._refuse_head()
        elif words[-1] not in {b"HTTP/1.1", b"HTTP/1.0"}:
            self._refuse(refusals.malformed())
        elif route is None:
            self._hand_over(self._buffer)
        else:
            self._http10 = words[2] == b"HTTP/1.0"
            self._sort_body(route, words[0], words[1], end)

    def _sort_body(self, route: str, method: bytes, target: bytes, end: int) -> None:
        head = self._buffer[:end + 2]
        lower = head.lower()
        length = content_length(lower)
        if length is None:
            self._hand_over(self._buffer)
            return
        if length > self._door.settings.body_bytes:
            self._refuse(refusals.body_too_large(self._door.settings.body_bytes), head)
            return
        total = end + 4 + length
        if len(self._buffer) < total:
            self._wait_for_body(head, lower, total)
            return
        whole, self._buffer = self._buffer[:total], self._buffer[total:]
        self._release()
        verdict = self._door.framing.judge(whole)
        if verdict is WHOLE:
            self._accept(route, method, target, head, whole)
        elif verdict is UPGRADE:
            if route == WEBSOCKET and not length and not self._http10:
                self._open_websocket(
                    Request(method, target, head, b"", self._peer, self._secure))
            else:
                self._buffer = without_upgrade(head) + whole[end + 2:] + self._buffer
        else:
            self._refuse(refusals.malformed())

    def _open_websocket(self, request: Request) -> None:
        data, self._buffer = self._buffer, b""
        if self.transport is not None:
            try:
                self._door.upgrade(self, self.transport, request, data)
            except RequestRefused as error:
                self._refuse(error, request.head)

    def _wait_for_head(self) -> None:
        if self._searched < JUDGED_BYTES and \
                self._door.framing.judge(self._buffer) is MALFORMED:
            self._refuse(refusals.malformed())
            return
        begins = self._searched == 0
        self._searched = len(self._buffer)
        line = self._buffer.find(b"\r\n")
        if self._searched > (LINE_BYTES if line < 0 else self._door.settings.header_bytes):
            self._refuse_head()
        elif begins:
            self._become(HEAD)
        else:
            self.state = HEAD  # in however many pieces, a head has its time once

    def _wait_for_body(self, head: bytes, lower: bytes, total: int) -> None:
        door = self._door
        verdict = door.framing.judge(head + b"\r\n")
        if verdict is UPGRADE:
            self._buffer = without_upgrade(head) + self._buffer[len(head):]
        elif verdict is not OTHER:
            self._refuse(refusals.malformed())
        elif (refusal := door.reserve(total)) is not None:
            self._keep = False
            self._finish(door.unavailable(refusal, head))
        else:
            self._reserved = total
            if b"\r\nexpect: 100-continue" in lower and self.transport is not None:
                self.transport.write(CONTINUE)
            self._chunks = [self._buffer]
            self._missing = total - len(self._buffer)
            self._goal = max(self._missing - BODY_STEP, 0)
            self._buffer = b""
            self._become(BODY)

    def _more(self, data: bytes) -> None:
        if self.state is BODY:
            self._chunks.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            self._buffer, self._chunks = b"".join(self._chunks), []
        elif self.state is DRAIN or self.state is GONE:
            return
        else:
            self._buffer += data
            if self.state is not HEAD:
                if len(self._buffer) > AHEAD_BYTES and self.transport is not None:
                    self._paused = True
                    self.transport.pause_reading()
                return
        self.state = READY
        self._go_on()

    # Ends.

    def _refuse_head(self) -> None:
        self._refuse(refusals.head_too_large(self._buffer, self._door.settings.header_bytes))

    def _refuse(self, error: RequestRefused, head: bytes = b"") -> None:
        """Answer what cannot be read to its end, and close."""
        self._keep = False
        self._finish(self._door.refusal(error, head))

    def _finish(self, answer: Answer) -> None:
        """Send the last answer; drop what still comes until the client hangs up.

        Closed at once, the system would reset the connection, and the client not see the answer.
        """
        transport = self.transport
        if transport is None or self.state is GONE:
            return
        self._door.count(self._route, answer.status)
        self._become(DRAIN)
        self._buffer = b""
        self._chunks = []
        self._release()
        transport.write(answer.encode(False, self._http10, self._door.date))
        if transport.can_write_eof():
            transport.write_eof()
            transport.resume_reading()
        else:
            self._close()

    def _close(self) -> None:
        self._become(GONE)
        if self.transport is not None:
            self.transport.close()

    def _fail(self, error: Exception) -> None:
        self._door.failed(error)
        self._keep = False
        try:
            self._finish(self._door.failure())
        except Exception as second:  # nothing more can be said to this client
            self._door.failed(second)
            self.abort()

    def abort(self) -> None:
        """Hang up without a word."""
        self._become(GONE)
        if self.transport is not None:
            self.transport.abort()

    def _hand_over(self, data: bytes, recorded: bool = False) -> None:
        transport = self.transport
        if transport is None:
            return
        self._become(GONE)
        self._buffer = b""
        self._release()
        self._door.hand_over(self, transport, data, recorded)

    # Time.

    def turn(self, seconds: float) -> None:
        """So much time has passed since the last turn: end what takes too long."""
        self.age += seconds
        limits = self._door.settings
        if self._clogged or self.state is GONE:
            if self.age >= limits.write_seconds:
                self.abort()
        elif self.state is READY and self.age >= limits.idle_seconds:
            self._close()
        elif self.state is HEAD and self.age >= limits.header_seconds:
            self._refuse(refusals.head_too_slow())
        elif self.state is BODY and self.age >= limits.body_seconds:
            self._judge_pace()
        elif self.state is DRAIN and self.age >= LINGER_SECONDS:
            self._close()

    def stop(self) -> None:
        """The worker ends: finish what has begun to arrive, and nothing else."""
        if self.state is READY or self.state is HEAD:
            self._close()

    def _judge_pace(self) -> None:
        if self._missing > self._goal:
            self._refuse(refusals.body_too_slow())
        else:
            self._goal = max(self._missing - BODY_STEP, 0)
            self.age = 0.0

    def _become(self, state: State) -> None:
        self.state = state
        self.age = 0.0

    def _release(self) -> None:
        if self._reserved:
            self._door.release(self._reserved)
            self._reserved = 0
