"""One client's WebSocket: messages in, and how many of them are durable out (RFC 6455)."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import SEND_EOF, State

from tracker.door.refusals import BODY_STEP, LINGER_SECONDS
from tracker.errors import RequestRefused, SpoolUnavailable
from tracker.intake.body import is_utf8
from tracker.intake.packed import unpack
from tracker.intake.stream import Part, Stream

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

    from tracker.door.door import Door

UNACKED_MESSAGES = 10_000
UNACKED_BYTES = 2 << 20
"""What may wait for the disk; above it, or the one before, the socket is read no more."""

SLICE_BYTES = 16 << 10
"""So much is inflated at once: 16 MiB at most, as deflate makes 1,000 bytes of one."""

TURN_BYTES = 2 << 20
"""After so much, unpacked, other connections have their turn."""

FRAME_BYTES = 1 << 10
"""A frame counts as so much more, as to take one costs time: many small ones end a turn too."""

HIT_MESSAGES = 1_000
HIT_BYTES = 256 << 10
"""Messages that came together share a record up to here."""

FREE_BYTES = 64 << 10
"""A message that has come in part takes of the room for all large bodies from here on."""

ERRORS_PER_FRAME = 500

_TEXT, _BINARY, _CONT = Opcode.TEXT, Opcode.BINARY, Opcode.CONT
_encode = msgspec.json.Encoder().encode


class _Waiting(NamedTuple):
    """Messages up to the `last`; those with `size` bytes wait for the disk."""

    last: int
    errors: list[dict[str, Any]]
    size: int


class WebSocket(asyncio.Protocol):
    """Takes the connection over when hands are shaken; watched by the sweep like all others."""

    __slots__ = ("_acked", "_answering", "_buffer", "_came", "_clogged", "_door", "_errors",
                 "_kind", "_mark", "_numbered", "_out", "_partial", "_paused", "_pinged",
                 "_protocol", "_reserved", "_said", "_size", "_slow", "_stopping", "_stream",
                 "_texts", "_transport", "_unacked", "_unpacked", "_waiting", "age", "spoke")

    def __init__(self, door: "Door", stream: Stream, protocol: "ServerProtocol",
                 transport: asyncio.Transport) -> None:
        self._door = door
        self._stream = stream
        self._protocol = protocol
        self._transport: asyncio.Transport | None = transport
        self._out: list[bytes] = []  # a close frame waits here for the last acknowledgement
        self._buffer = b""  # came, but too much waits for the disk
        self._kind = _TEXT  # of the message in pieces
        self._partial = bytearray()
        self._texts: list[bytes] = []  # whole messages that have no record yet
        self._size = 0
        self._numbered = 0  # the last message that is in `_waiting` or behind it
        self._waiting: deque[_Waiting] = deque()  # its first waits for the disk
        self._unacked = 0  # bytes of these
        self._acked = 0  # the last message that is durable or refused, like all before it
        self._said = 0  # what of it the client knows
        self._errors: list[dict[str, Any]] = []  # not told yet
        self._answering = False
        self._unpacked = 0  # bytes taken in this turn
        self._clogged = False  # the client does not read
        self._paused = False
        self._stopping = False
        self._pinged = False
        self._reserved = 0
        self._came = self._mark = 0  # bytes; at the last look at the pace of a message
        self._slow = 0.0  # seconds since then
        self.age = 0.0  # seconds since something came
        self.spoke = 0

    def begin(self, data: bytes) -> None:
        """Answer the handshake; `data` is what the client has sent behind it."""
        if not self._door.enter(self):
            self._stopping = True
        self._send()
        if self._stopping:
            self.stop()
        elif data:
            self.data_received(data)

    # What the event loop calls.

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio has it
        """The client is gone; what is on its way to the disk stays accepted."""
        self._transport = None
        self._buffer = b""
        self._partial.clear()
        self._hold(0)
        self._door.leave(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client have come."""
        self.age, self._pinged = 0.0, False
        self._came += len(data)
        self._door.received += len(data)
        self._buffer = self._buffer + data if self._buffer else data
        self._go_on()

    def eof_received(self) -> bool:
        """The client hangs up without a word."""
        return False

    def pause_writing(self) -> None:
        """The client does not read its answers: read no more of its messages."""
        self._clogged = True
        self.age = 0.0
        self._pause()

    def resume_writing(self) -> None:
        """The client has read its answers."""
        self._clogged = False
        self.age = 0.0
        self._go_on()

    # Messages.

    def _is_full(self) -> bool:
        return (self._clogged or self._unacked >= UNACKED_BYTES
                or self._numbered - self._acked >= UNACKED_MESSAGES)

    def _go_on(self) -> None:
        if self._transport is None:
            return
        try:
            self._take_what_came(self._transport)
        except Exception as error:  # a fault of ours ends this connection, and no other
            self._door.failed(error)
            self._fail(CloseCode.INTERNAL_ERROR, "the tracker failed")

    def _take_what_came(self, transport: asyncio.Transport) -> None:
        """Take messages, as far as they may wait for the disk and others for this connection."""
        protocol, data, at = self._protocol, self._buffer, 0
        self._buffer, self._unpacked = b"", 0
        while at < len(data) and self._unpacked < TURN_BYTES and not self._is_full():
            protocol.receive_data(data[at:at + SLICE_BYTES])
            at += SLICE_BYTES
            for frame in protocol.events_received():
                if not self._stopping:
                    self._take(frame)  # type: ignore[arg-type]  # after the handshake, only frames
        self._flush()
        self._buffer = data[at:]
        if protocol.state is State.OPEN:
            self._hold(len(protocol.reader.buffer) + len(self._partial))
        else:
            self._hold(0)
        self._send()
        if self._buffer or self._is_full():
            self._pause()
            if not self._is_full():
                self._door.soon(self._go_on)
        elif self._paused:
            self._paused = False
            transport.resume_reading()

    def _take(self, frame: Frame) -> None:
        kind = frame.opcode
        self._unpacked += len(frame.data) + FRAME_BYTES
        if kind is _CONT:
            self._partial += frame.data
            if frame.fin:
                whole, self._partial = bytes(self._partial), bytearray()
                self._message(self._kind, whole)
        elif kind is _TEXT or kind is _BINARY:
            if frame.fin:
                self._message(kind, bytes(frame.data))
            else:
                self._kind = kind
                self._partial += frame.data

    def _message(self, kind: Opcode, data: bytes) -> None:
        if kind is _BINARY:
            try:
                data = unpack(data, self._door.settings.body_bytes)
                self._unpacked += len(data)
            except RequestRefused as error:
                self._flush()
                self._numbered += 1
                self._queue([_entry(self._numbered, error.code, error.message)], 0)
                return
        elif not is_utf8(data):
            self._flush()
            self._fail(CloseCode.INVALID_DATA, "a text message is not UTF-8")
            self._stopping = True  # what stands behind it counts no more
            return
        self._texts.append(data)
        self._size += len(data)
        if self._size > HIT_BYTES or len(self._texts) >= HIT_MESSAGES:
            self._flush()

    def _flush(self) -> None:
        """Give the spool what has come."""
        if self._texts:
            texts, self._texts, self._size = self._texts, [], 0
            for part in self._door.streams.take(self._stream, texts):
                self._append(part)

    def _append(self, part: Part) -> None:
        first = self._numbered + 1
        self._numbered += part.messages
        errors = [_entry(first + place, fault.code, fault.message,
                         None if part.record is None else fault.index)
                  for place, fault in part.refused]
        size = 0
        if part.record is not None:
            try:
                self._door.append(part.record, self, part.events)
                size = len(part.record)
            except SpoolUnavailable:
                errors = _unavailable(first, self._numbered)
        self._queue(errors, size)

    def _queue(self, errors: list[dict[str, Any]], size: int) -> None:
        """The next messages wait for the disk, unless they have no `size`."""
        self._waiting.append(_Waiting(self._numbered, errors, size))
        self._unacked += size
        self._settle()

    def settled(self, error: SpoolUnavailable | None) -> None:
        """The record that waited longest is durable, or with `error` was not accepted."""
        done = self._waiting.popleft()
        self._unacked -= done.size
        errors = done.errors if error is None else _unavailable(self._acked + 1, done.last)
        self._waiting.appendleft(_Waiting(done.last, errors, 0))
        self._settle()

    def _settle(self) -> None:
        waiting = self._waiting
        while waiting and not waiting[0].size:
            done = waiting.popleft()
            self._acked = done.last
            self._errors += done.errors
        if self._acked > self._said and not self._answering:
            self._answering = True
            self._door.soon(self._answer)

    # Answers.

    def _answer(self) -> None:
        """Tell what is durable, once for all that became so in one turn of the loop."""
        self._answering = False
        transport = self._transport
        if transport is None:
            return
        try:
            self._door.messages += self._acked - self._said
            self._said = self._acked
            errors, self._errors = self._errors, []
            while len(errors) > ERRORS_PER_FRAME:
                some, errors = errors[:ERRORS_PER_FRAME], errors[ERRORS_PER_FRAME:]
                self._tell(transport, some[-1]["n"] - 1, some)
            self._tell(transport, self._acked, errors)
            if self._stopping:
                self.stop()
            self._go_on()
        except Exception as error:  # a fault of ours ends this connection, and no other
            self._door.failed(error)
            self.abort()

    def _tell(self, transport: asyncio.Transport, ack: int, errors: list[dict[str, Any]]) -> None:
        """One frame, never compressed: it is short, and compressing costs more than sending."""
        text = _encode({"ack": ack, "errors": errors})
        transport.write(Frame(_TEXT, text).serialize(mask=False))

    def _send(self) -> None:
        """Send what the protocol says; its close frame goes behind the last acknowledgement."""
        self._out += self._protocol.data_to_send()
        transport = self._transport
        if not self._out or transport is None:
            return
        if self._protocol.state is not State.OPEN and (self._waiting or self._answering):
            return
        out, self._out = self._out, []
        transport.write(b"".join(out))
        if SEND_EOF in out:
            self.age = 0.0
            if transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    # Ends.

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Close with a code; what was taken before is acknowledged first."""
        if self._protocol.state is State.OPEN:
            self._protocol.fail(code, reason)
            self.age = 0.0
            self._hold(0)
            self._send()

    def stop(self) -> None:
        """The worker ends: acknowledge what is on its way, then close."""
        self._stopping = True
        if not self._waiting and not self._answering and self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.GOING_AWAY, "the tracker stops; connect again")
            self.age = 0.0
            self._send()

    def abort(self) -> None:
        """Hang up without a word."""
        if self._transport is not None:
            self._transport.abort()

    # Time and room.

    def turn(self, seconds: float) -> None:
        """So much time has passed since the last turn: end what takes too long."""
        self.age += seconds
        limits = self._door.settings
        if self._clogged or self._transport is None or self._transport.is_closing():
            if self.age >= limits.write_seconds:
                self.abort()
        elif self._protocol.state is not State.OPEN:
            if self.age >= LINGER_SECONDS and not self._waiting:
                self._transport.close()
        elif self._paused:
            self.age = 0.0  # it waits for us
        elif self._reserved or self._partial:
            self._judge_pace(seconds)
        elif self.age >= limits.idle_seconds:
            self._look_for_life()

    def _look_for_life(self) -> None:
        """Ask a silent client whether it is there; the second time, it is not."""
        self.age = 0.0
        if self._pinged:
            self._fail(CloseCode.GOING_AWAY, "no answer to a ping")
        else:
            self._pinged = True
            self._protocol.send_ping(b"")
            self._send()

    def _judge_pace(self, seconds: float) -> None:
        self._slow += seconds
        if self._slow >= self._door.settings.body_seconds:
            if self._came - self._mark < BODY_STEP:
                self._fail(CloseCode.POLICY_VIOLATION, "a message came too slowly")
            self._mark, self._slow = self._came, 0.0

    def _hold(self, size: int) -> None:
        """Take room for a large message in pieces, as large bodies do, or give it back."""
        wanted = size if size > FREE_BYTES else 0
        if not size:
            self._mark, self._slow = self._came, 0.0
        if wanted > self._reserved and self._door.reserve(wanted - self._reserved) is not None:
            self._fail(CloseCode.TRY_AGAIN_LATER, "too many large messages arrive at once")
            return
        if wanted < self._reserved:
            self._door.release(self._reserved - wanted)
        self._reserved = wanted

    def _pause(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()


def _entry(number: int, code: str, message: str, index: int | None = None) -> dict[str, Any]:
    """What was wrong with a message, or with one event of its array."""
    entry: dict[str, Any] = {"n": number, "code": code, "message": message}
    if index is not None:
        entry["index"] = index
    return entry


def _unavailable(first: int, last: int) -> list[dict[str, Any]]:
    return [_entry(number, "unavailable", "This was not accepted; send it again in a second.")
            for number in range(first, last + 1)]
