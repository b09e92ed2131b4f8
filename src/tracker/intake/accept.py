"""The way of a request through the intake: route, checks, ids, record, answer."""

import re
import time
from collections.abc import Callable

import msgspec

from tracker.errors import RequestRefused
from tracker.hit import BATCHES, Hit, Route, Shape, encode_hit
from tracker.intake import coding, values
from tracker.intake.address import ClientAddresses
from tracker.intake.answers import ALLOWED, AnswerBook, Answers
from tracker.intake.body import EMPTY, Body, BodyReader, hold_items, hold_repetition, is_utf8
from tracker.intake.consent import Consent, agreed
from tracker.intake.head import ADDRESS_FIELDS, CREDENTIALS, KEPT_BYTES, Head, Heads
from tracker.intake.message import Accepted, Answer, Headers, Request
from tracker.intake.payments import Payments
from tracker.intake.redirect import Redirects
from tracker.intake.reply import Arrival, Reply, single
from tracker.intake.stream import Stream, Streams
from tracker.intake.ticks import Ticks
from tracker.lineitems import items_of
from tracker.registry.book import Links, NoLinks
from tracker.routes import METHODS, RouteMap
from tracker.settings import IntakeSettings

BODY_METHODS = frozenset({b"POST", b"PUT"})
SHORT_BYTES = 8_192  # a body up to here cannot hold more keys than any sensible bound
REDIRECTS = frozenset({Route.RDR, Route.XRDR})

KEPT_HEADS = 2_048


class Intake:
    """Accepts or refuses tracking requests; knows no socket and no disk."""

    def __init__(self, settings: IntakeSettings, tail: bytes,
                 clock: Callable[[], int] = time.time_ns, links: Links | None = None) -> None:
        self._settings = settings
        self._ticks = Ticks(tail, clock)
        self._routes = RouteMap(settings.api_version)
        self._bodies = BodyReader(settings)
        self._payments = Payments(settings)
        self._addresses = ClientAddresses(settings.trusted_proxies)
        self.links: Links = NoLinks() if links is None else links
        self._redirects = Redirects(settings.domains, settings.default_redirect,
                                    self.links.leads_to)
        self._book = AnswerBook(settings.allow_origin)
        self._consent = Consent(settings.consent, settings.ignore_query_key) \
            if settings.consent.identity else None
        self.streams = Streams(self._bodies, self._ticks, self._book, settings.ignore_query_key,
                               self._consent)
        self._prefix = f"/tr/v{settings.api_version}/".encode()
        self._plain_target = self._prefix + b"tr/"
        self._turning = self._turning_fields()
        special = b"|".join((b"cookie", *CREDENTIALS, *self._turning))
        self._has_special_field = re.compile(rb"\n(?:%b)[ \t]*:" % special).search
        self._kept: dict[bytes, bytes | None] = {}
        self._heads = Heads()
        self._openers = settings.json_depth
        self._short = min(SHORT_BYTES, 4 * settings.keys_per_event, settings.body_bytes)

    def _turning_fields(self) -> tuple[bytes, ...]:
        """Header fields that turn a request from the short way to the long one."""
        return (b"content-encoding", *((b"origin",) if self._book.by_origin else ()),
                *(ADDRESS_FIELDS if self._settings.trusted_proxies else ()))

    def is_tracking(self, target: bytes) -> bool:
        """Whether `target` is a tracking route, to be given to `accept`."""
        return self._routes.find(target.partition(b"?")[0]) is not None

    def accept(self, request: Request) -> Accepted | Answer:
        """The record and answer of a request, or an answer alone where nothing is recorded.

        Raises `RequestRefused`; `refusal` makes the answer of it.
        """
        if request.target == self._plain_target and request.method == b"POST":
            accepted = self._accept_plain(request)
            if accepted is not None:
                return accepted
        return self._accept_any(request)

    def _accept_plain(self, request: Request) -> Accepted | None:
        """The common case in few steps: one event that names visitor and session itself.

        None says that the request needs the long way, which also finds what is wrong with it.
        """
        _, _, head, body, peer, secure = request
        if (len(body) > self._short or not is_utf8(body)
                or body.count(b"{") + body.count(b"[") > self._openers):
            return None
        try:
            named = values.decode_named(body)
        except (msgspec.MsgspecError, RecursionError):
            return None
        if not named.vid or not named.sid:
            return None
        kept = self._kept_plain(head)
        if kept is None:
            return None
        received, hit_id = self._ticks.take(1)
        hit = Hit(hit_id, received, Route.TR, self._addresses.of_peer(peer)[0], kept, body,
                  Shape.OBJECT, 1, (), secure)
        return Accepted(encode_hit(hit), self._book.any.empty, 1)

    def _kept_plain(self, head: bytes) -> bytes | None:
        """What of a head may reach the disk; None when it sends the request the long way.

        A page sends its events with one head, so the last ones are remembered.
        """
        kept = self._kept.get(head, b"")
        if kept == b"":
            if len(self._kept) >= KEPT_HEADS:
                self._kept.clear()
            kept = self._scrubbed_plain(head)
            if len(head) <= KEPT_BYTES:
                self._kept[head] = kept
        return kept

    def _scrubbed_plain(self, head: bytes) -> bytes | None:
        if self._has_special_field(head.lower()) is None:
            return head
        parsed = Head(head)
        return None if any(map(parsed.has, self._turning)) else parsed.scrubbed()

    def _accept_any(self, request: Request) -> Accepted | Answer:
        """Every case, step by step."""
        if not request.target.startswith(self._prefix):
            return self._follow(request)
        arrival = self._arrival(request)
        answers = self._answers(arrival)
        if request.method == b"OPTIONS":
            return answers.preflight
        if arrival.route is Route.WS:
            raise RequestRefused(426, "upgrade_required", "This path is a WebSocket's: open it with"
                                 " a WebSocket client, or send events to /tr/ by POST.")
        location = b""
        if arrival.route in REDIRECTS:
            target = values.redirect_target(arrival.rest, arrival.query)
            location = self._redirects.location(target)
        if request.method == b"HEAD":
            return single(arrival.route, answers, location).without_body()
        body = self._body(request, arrival)
        if arrival.route is Route.AGREE:
            if body.shape in BATCHES:
                raise RequestRefused(400, "not_one_agreement",
                                     "An agreement is one JSON object; send each by itself.")
            agreed(body)
        if arrival.route is Route.LTV:
            body = self._payments.check(body, self._link(arrival))
        hold_repetition(body.size, len(request.head))
        if arrival.route is Route.LTV:
            hold_items(items_of(body.data, body.shape, len(request.head)))
        received, hit_id = self._ticks.take(body.size)
        reply = Reply(arrival, body, hit_id, location, self._settings.ignore_query_key,
                      self._consent)
        hit = Hit(hit_id, received, arrival.route, self._address(request, arrival),
                  arrival.line + arrival.head.scrubbed(), body.data, body.shape,
                  body.size - len(body.refused),
                  tuple([event.index for event in body.refused]), request.secure)
        answer = reply.answer(answers, request.secure)
        return Accepted(encode_hit(hit), answer, hit.events, arrival.route is Route.PUB)

    def open_stream(self, request: Request) -> Stream:
        """The stream of a WebSocket's handshake, whose form is for the door to judge.

        Raises `RequestRefused`.
        """
        arrival = self._arrival(request)
        return self.streams.open(arrival, self._address(request, arrival), request.secure)

    def _arrival(self, request: Request) -> Arrival:
        path, _, query = request.target.partition(b"?")
        found = self._routes.find(path)
        if found is None:
            raise RequestRefused(404, "not_found", "This is no tracking route.")
        if request.method not in METHODS:
            raise RequestRefused(405, "method_not_allowed", f"Tracking routes take {ALLOWED}.")
        most = self._settings.keys_per_event
        if query.count(b"&") >= most or path.count(b"/") > 2 * most:
            raise too_many_keys(most)
        line, feed, fields = request.head.partition(b"\n")
        return Arrival(request.method, *found, query, line, self._heads.of(feed + fields))

    def _follow(self, request: Request) -> Accepted | Answer:
        """A short URL: the click is a hit that says what the link does."""
        link = self.links.find(request.target, request.head)
        if link is None:
            raise RequestRefused(404, "not_found", "There is nothing at this path.")
        if request.method not in METHODS:
            raise RequestRefused(405, "method_not_allowed", f"Short URLs take {ALLOWED}.")
        query = request.target.partition(b"?")[2]
        if query.count(b"&") >= self._settings.keys_per_event:
            raise too_many_keys(self._settings.keys_per_event)
        line, feed, fields = request.head.partition(b"\n")
        arrival = Arrival(request.method, Route.SHORT, b"", query, line,
                          self._heads.of(feed + fields))
        answers = self._answers(arrival)
        if request.method == b"OPTIONS":
            return answers.preflight
        received, hit_id = self._ticks.take(1)
        if link.expires is not None and received >= link.expires * 1_000_000:
            raise RequestRefused(410, "link_expired", "This short URL has expired.")
        location = link.to(query)
        if request.method == b"HEAD":
            return answers.redirect(location).without_body()
        body = Body(link.body, Shape.OBJECT, [], [])
        hit = Hit(hit_id, received, Route.SHORT, self._address(request, arrival),
                  line + arrival.head.scrubbed(), link.body, Shape.OBJECT, 1, (), request.secure)
        reply = Reply(arrival, body, hit_id, location, self._settings.ignore_query_key,
                      self._consent)
        return Accepted(encode_hit(hit), reply.answer(answers, request.secure), 1)

    def _answers(self, arrival: Arrival) -> Answers:
        if not self._book.by_origin:
            return self._book.any
        return self._book.of(arrival.head.first(b"origin"))

    def _body(self, request: Request, arrival: Arrival) -> Body:
        """The body, or in place of an empty one what the URL says."""
        if request.method not in BODY_METHODS:
            return EMPTY
        data = self._decoded(request.body, arrival)
        content_type = arrival.head.first(b"content-type").lower()
        bodies = self._payments.bodies if arrival.route is Route.LTV else self._bodies
        body = bodies.read(data, content_type)
        if body.shape is not Shape.NONE:
            return body
        if arrival.query:
            return Body(arrival.query, Shape.FORM, [], [])
        if b"/" not in arrival.rest.strip(b"/"):
            raise RequestRefused(400, "empty_body", "The request says nothing: send a JSON object"
                                 " as its body, or values in its path or query.")
        return EMPTY

    def _link(self, arrival: Arrival) -> dict[str, str]:
        """The values in path and query, as far as they count."""
        query = arrival.query if arrival.method == b"GET" else b""
        return values.all_from_link(arrival.rest, query, self._settings.ignore_query_key)

    def _decoded(self, data: bytes, arrival: Arrival) -> bytes:
        most = self._settings.body_bytes
        if len(data) > most:
            raise coding.too_large(most)
        codings = arrival.head.values(b"content-encoding")
        return coding.decode(data, b",".join(codings), most) if codings and data else data

    def _address(self, request: Request, arrival: Arrival) -> str:
        address, trusted = self._addresses.of_peer(request.peer)
        if not trusted:
            return address
        return self._addresses.behind_proxy(request.peer, arrival.head)

    def cors(self, origin: bytes) -> Headers:
        """What lets scripts of `origin` read an answer; b"" is no origin."""
        return (self._book.of(origin) if self._book.by_origin else self._book.any).cors

    def stamp(self, events: int) -> tuple[int, bytes]:
        """Time and id of a hit of our own."""
        return self._ticks.take(events)

    def preflight(self, origin: bytes) -> Headers:
        """What a browser is told that asks, for scripts of `origin`, what it may send."""
        return (self._book.of(origin) if self._book.by_origin else self._book.any).preflight.headers

    def client_address(self, peer: str, head: bytes) -> str:
        """Whose request it is, behind trusted proxies too."""
        address, trusted = self._addresses.of_peer(peer)
        return self._addresses.behind_proxy(peer, Head(head)) if trusted else address

    def refusal(self, error: RequestRefused, head: bytes) -> Answer:
        """The answer that tells a client why its request (with this head) was refused."""
        answers = self._book.any
        if self._book.by_origin:
            answers = self._book.of(Head(head).first(b"origin"))
        answer = answers.refusal(error)
        return answer.without_body() if head.startswith(b"HEAD ") else answer


def too_many_keys(most: int) -> RequestRefused:
    """The path or the query has more than `most` values."""
    return RequestRefused(400, "too_many_keys", f"The URL names more than {most} values.")
