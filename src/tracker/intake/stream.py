"""The messages of one WebSocket: what its handshake says for all of them, and their records."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tracker.errors import RequestRefused
from tracker.hit import BATCHES, Hit, Route, Shape, encode_hit, id_text
from tracker.intake import values, visitor
from tracker.intake.answers import AnswerBook
from tracker.intake.body import EMPTY, Body, BodyReader, Refused, hold_repetition
from tracker.intake.consent import Consent
from tracker.intake.message import Headers
from tracker.intake.reply import Arrival, ambient_ids
from tracker.intake.ticks import Ticks

_HOST = re.compile(rb"\nhost[ \t]*:([^\r\n]*)", re.IGNORECASE)
_HANDSHAKE = re.compile(rb"\n(?:sec-websocket-[a-z]+|upgrade|connection)[ \t]*:[^\n]*(?=\n)",
                        re.IGNORECASE)
_SCHEMES = (b"http://", b"https://")


class Stream(NamedTuple):
    """What all messages of one connection share.

    `head`     as in a hit; a visitor or session that it did not name is in it as a cookie
    `cookies`  of the answer to the handshake
    """

    head: bytes
    address: str
    secure: bool
    cookies: Headers


class Part(NamedTuple):
    """What became of the next `messages` messages.

    `record`   the encoded hit for the spool, None when there is nothing to keep
    `events`   how many events it holds
    `refused`  (place among these messages, what is wrong); `index` of one that is no event of an
               array is of no use and 0 then
    """

    messages: int
    record: bytes | None
    events: int
    refused: list[tuple[int, Refused]]


class Streams:
    """Opens streams and makes the records of their messages; the intake's part for WebSockets."""

    def __init__(self, bodies: BodyReader, ticks: Ticks, book: AnswerBook,
                 ignore_query_key: str, consent: Consent | None = None) -> None:
        self._bodies = bodies
        self._ticks = ticks
        self._book = book
        self._ignore = ignore_query_key
        self._consent = consent

    def open(self, arrival: Arrival, address: str, secure: bool) -> Stream:
        """The stream of a handshake; raises `RequestRefused` for one of a page of another site.

        Browsers ask nobody before they open a WebSocket to another site, so it is for us to look.
        """
        head = arrival.head
        origin = head.first(b"origin")
        if origin and not self._allows(origin, head.raw):
            raise RequestRefused(403, "origin_refused", "Pages of this origin may not open a"
                                 " WebSocket here; AllowOrigin names those that may.", "origin")
        own = id_text(self._ticks.take(0)[1])
        link = values.from_link(arrival.rest, arrival.query, self._ignore)
        jar, ambient = head.cookies(), ambient_ids(head)
        cookies = visitor.cookies({}, link, jar, ambient, own, secure) if self._consent is None \
            or self._consent.allows(EMPTY, arrival.rest, arrival.query, head) else ()
        kept = _HANDSHAKE.sub(b"", arrival.line + head.scrubbed())
        named = {**ambient, **{name.decode(): value for name, value in jar.items() if value},
                 **link}
        missing = [name for name, other in (("vid", "vid"), ("sid", "sess"))
                   if not named.get(name) and not named.get(other)]
        if missing:
            ids = "; ".join(f"{name}={own}" for name in missing)
            kept += b"Cookie: %b\r\n" % ids.encode()
        return Stream(kept, address, secure, cookies)

    def _allows(self, origin: bytes, head: bytes) -> bool:
        if self._book.of(origin) is not self._book.any or self._book.open:
            return True
        host = _HOST.search(head)
        own = host[1].strip().lower() if host is not None else b""
        return any(origin.lower() == scheme + own for scheme in _SCHEMES)

    def take(self, stream: Stream, texts: Sequence[bytes]) -> list[Part]:
        """The records of some messages, in their order."""
        data = b"[%b]" % b",".join(texts)
        try:
            body = self._bodies.read(data, b"")
        except RequestRefused:
            return self._one_by_one(stream, texts)
        # As long as the texts, the elements stand where they stand: no text reaches into the next.
        if body.refused or [*map(len, texts)] != [len(event or b"") for event in body.events]:
            return self._one_by_one(stream, texts)
        return [self._part(stream, body, len(texts), [])]

    def _one_by_one(self, stream: Stream, texts: Sequence[bytes]) -> list[Part]:
        parts: list[Part] = []
        run: list[bytes] = []

        def end_run() -> None:
            if run:
                body = Body(b"[%b]" % b",".join(run), Shape.ARRAY, [*run], [])
                parts.append(self._part(stream, body, len(run), []))
                run.clear()

        for text in texts:
            body = self._read(text, len(stream.head))
            if isinstance(body, Refused):
                end_run()
                parts.append(Part(1, None, 0, [(0, body)]))
            elif body.shape in BATCHES:
                end_run()
                parts.append(self._part(stream, body, 1, body.refused))
            else:
                run.append(body.data)
        end_run()
        return parts

    def _read(self, text: bytes, head_bytes: int) -> Body | Refused:
        try:
            body = self._bodies.read(text, b"")
            hold_repetition(body.size, head_bytes)
        except RequestRefused as error:
            return Refused(0, error.code, error.message, error.field)
        if body.shape is Shape.NONE:
            return Refused(0, "empty_body", "The message is empty.", None)
        return body

    def _part(self, stream: Stream, body: Body, messages: int, refused: list[Refused]) -> Part:
        """A batch even of one: an `eid` in the handshake is no event's own."""
        received, hit_id = self._ticks.take(body.size)
        events = body.size - len(body.refused)
        hit = Hit(hit_id, received, Route.WS, stream.address, stream.head, body.data, body.shape,
                  events, tuple([event.index for event in body.refused]), stream.secure)
        return Part(messages, encode_hit(hit), events, [(0, fault) for fault in refused])
