"""The way of a request through the intake: route, values, checks, id, record, answer."""

import time
from collections.abc import Callable

import msgspec

from tracker.errors import RequestRefused
from tracker.hit import Hit, Route, Shape, encode_hit, id_from_ticks
from tracker.intake.message import Accepted, Answer, Request
from tracker.routes import RouteMap
from tracker.settings import IntakeSettings

PIXEL = bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b")


class _Any(msgspec.Struct, gc=False):
    pass


_check = msgspec.json.Decoder(_Any).decode


class Intake:
    """Accepts or refuses tracking requests; knows no socket and no disk."""

    def __init__(self, settings: IntakeSettings, tail: bytes,
                 clock: Callable[[], int] = time.time_ns) -> None:
        self._settings = settings
        self._tail = tail
        self._clock = clock
        self._routes = RouteMap(settings.api_version)
        self._ticks = 0
        self._ok = Answer(200, ((b"cache-control", b"no-store"),
                                (b"access-control-allow-origin", b"*")))

    def is_tracking(self, target: bytes) -> bool:
        """Whether `target` is a tracking route, to be given to `accept`."""
        return self._routes.find(target.partition(b"?")[0]) is not None

    def accept(self, request: Request) -> Accepted | Answer:
        """The record and answer of a request; raises `RequestRefused`."""
        found = self._routes.find(request.target.partition(b"?")[0])
        if found is None:
            raise RequestRefused(404, "not_found", "This is no tracking route.")
        if request.method in {b"OPTIONS", b"HEAD"}:
            return self._ok
        shape = Shape.NONE
        if request.body:
            try:
                _check(request.body)
            except (msgspec.MsgspecError, RecursionError) as error:
                raise RequestRefused(400, "not_json", str(error)) from None
            shape = Shape.OBJECT
        now = self._clock()
        self._ticks = max(now // 100 + 0x01B21DD213814000, self._ticks + 2)
        hit = Hit(id_from_ticks(self._ticks, self._tail), now, found[0], request.peer,
                  request.head, request.body, shape, 1, (), request.secure)
        return Accepted(encode_hit(hit), self._ok, 1, found[0] is Route.PUB)

    def refusal(self, error: RequestRefused, head: bytes) -> Answer:
        """The answer that tells a client why its request was refused."""
        del head
        body = msgspec.json.encode({"error": {
            "code": error.code, "message": error.message, "field": error.field}})
        return Answer(error.status, ((b"content-type", b"application/json"),
                                     (b"access-control-allow-origin", b"*")), body)
