"""What a client is told of its hit: nothing, a pixel, ids, a way on; and its cookies."""

from typing import NamedTuple
from urllib.parse import unquote

from tracker.hit import BATCHES, SERVER_SIDE, Route, Shape, event_id, id_text
from tracker.intake import values, visitor
from tracker.intake.answers import Answers
from tracker.intake.body import Body
from tracker.intake.consent import Consent, agreed
from tracker.intake.head import Head
from tracker.intake.message import Answer, Headers
from tracker.intake.values import Ids

EVENT_ID = ("eid",)
VISITOR_IDS = ("vid", "sid")


class Arrival(NamedTuple):
    """A request whose route is found. `rest` is the raw path behind the route's name.

    `line` is the request line without its line feed, with which `head` begins.
    """

    method: bytes
    route: Route
    rest: bytes
    query: bytes
    line: bytes
    head: Head


def single(route: Route, answers: Answers, location: bytes) -> Answer:
    """The answer to one event, where it says nothing of the event itself."""
    if route is Route.IMG:
        return answers.pixel
    return answers.redirect(location) if location else answers.empty


class Reply:
    """Makes the answer to one hit."""

    def __init__(self, arrival: Arrival, body: Body, hit_id: bytes, location: bytes,
                 ignore_query_key: str, consent: Consent | None = None) -> None:
        self._arrival = arrival
        self._body = body
        self._hit_id = hit_id
        self._location = location
        self._ignore_query_key = ignore_query_key
        self._consent_needed = consent

    def answer(self, answers: Answers, secure: bool) -> Answer:
        """The answer, to be sent when the hit is durable."""
        route = self._arrival.route
        if self._body.refused:
            answer = answers.json(207, self._account())
        elif route is Route.STR:
            eids = self._event_ids()
            batch = self._body.shape in BATCHES
            answer = answers.json(200, eids if batch else eids[0])
        else:
            answer = single(route, answers, self._location)
        cookies = self._consent(secure) if route is Route.AGREE else \
            () if route in SERVER_SIDE else self._cookies(secure)
        return answer.with_headers(cookies) if cookies else answer

    def _consent(self, secure: bool) -> Headers:
        """The flags agreed to, for the events that this client sends next."""
        return visitor.consent(agreed(self._body), secure)

    def _account(self) -> dict[str, object]:
        """What became of each event of a batch of which some were refused."""
        body = self._body
        account: dict[str, object] = {"accepted": body.size - len(body.refused),
                                      "rejected": body.refused}
        if self._arrival.route is Route.STR:
            account["eids"] = self._event_ids()
        return account

    def _event_ids(self) -> list[str | None]:
        """The id of each event: the client's if it is a UUID, else ours; None where refused."""
        beside = ("" if self._body.shape in BATCHES  # shared by many, so the id of none
                  else {**self._ambient(), **self._link()}.get("eid", ""))
        if not self._body.events:
            return [self._event_id(self._form().get("eid", beside), 0)]
        return [None if text is None
                else self._event_id(values.from_event(text, EVENT_ID).get("eid", beside), index)
                for index, text in enumerate(self._body.events)]

    def _event_id(self, sent: str, index: int) -> str:
        given = values.uuid_text(sent) if sent else None
        return id_text(event_id(self._hit_id, index)) if given is None else given

    def _cookies(self, secure: bool) -> Headers:
        """Of a batch, the first event speaks for all."""
        text = next((text for text in self._body.events if text is not None), None)
        body = self._form() if text is None else values.from_event(text, VISITOR_IDS)
        if body.get("vid") and body.get("sid"):
            return ()
        if self._consent_needed is not None and not self._consent_needed.allows(
                self._body, *self._parts(), self._arrival.head):
            return ()
        return visitor.cookies(body, self._link(), self._arrival.head.cookies(), self._ambient(),
                               id_text(self._hit_id), secure)

    def _form(self) -> Ids:
        return values.from_form(self._body.data) if self._body.shape is Shape.FORM else {}

    def _link(self) -> Ids:
        """The ids in path and query; the query counts on GET."""
        rest, query = self._parts()
        return values.from_link(rest, query, self._ignore_query_key) if rest or query else {}

    def _parts(self) -> tuple[bytes, bytes]:
        """The path behind the route's name and the query, as far as they are values."""
        arrival = self._arrival
        return (b"" if arrival.route is Route.PUB else arrival.rest,
                arrival.query if arrival.method == b"GET" else b"")

    def _ambient(self) -> Ids:
        return ambient_ids(self._arrival.head)


def ambient_ids(head: Head) -> Ids:
    """The ids in a `User` header, or in a `user` cookie."""
    text = head.first(b"user")
    if not text and head.has(b"cookie"):
        text = head.cookies().get(b"user", b"")
    if not text:
        return {}
    plain = values.from_object(text)
    return plain or values.from_object(unquote(text.decode("utf-8", "replace")).encode())
