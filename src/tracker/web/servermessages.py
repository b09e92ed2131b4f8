"""The pages that take what services send: lines of logs, counts and updates."""

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tracker.door.door import Door
from tracker.errors import RequestRefused, SpoolUnavailable
from tracker.hit import Hit, encode_hit
from tracker.hit import Route as Way
from tracker.intake import Intake, coding
from tracker.intake.body import Body, hold_repetition
from tracker.intake.described import Account
from tracker.intake.servermessages import ServerMessages
from tracker.operation import JSON, Answer, Operation, operations
from tracker.registry.caller import Caller
from tracker.registry.calls import Permit
from tracker.settings import IntakeSettings
from tracker.web.answers import json_answer, peer_of
from tracker.web.body import read_body
from tracker.web.credentials import from_header
from tracker.web.durable import Durable
from tracker.web.links import refused
from tracker.web.tracking import head_of

SCOPE = "collect-server"

_MESSAGE = {"type": "object", "additionalProperties": True}
_TAKES = {JSON: {"anyOf": [_MESSAGE, {"type": "array", "items": _MESSAGE, "minItems": 1}]},
          "application/x-ndjson": {"type": "string", "description": "A message a line."}}
_ANSWERS = (Answer(200, "On disk."),
            Answer(207, "Some are on disk, `rejected` names the others.", {JSON: Account}))
_REFUSED = ("400 not_json not_utf8 not_an_object too_deep empty_batch empty_body",
            "400 content_encoding missing bad_value unknown_key", "401 not_authenticated",
            "403 forbidden", "413 too_many_events head_too_large_for_batch",
            "415 content_encoding", "429 too_many_attempts", "503 unavailable")
_TAKEN = Operation(("POST",), _ANSWERS, _REFUSED, takes=_TAKES, keyed=True)

Endpoint = Callable[[Request], Awaitable[Response]]


class ServerPages:
    """`/tr/v1/log`, `/count`, `/update`: whoever sends there shows a key with the scope."""

    def __init__(self, caller: Caller, door: Door, intake: Intake, settings: IntakeSettings
                 ) -> None:
        self._caller = caller
        self._door = door
        self._intake = intake
        self._messages = ServerMessages(settings)
        self._prefix = f"/tr/v{settings.api_version}/"

    def routes(self) -> list[Route]:
        """Path and handler of each; the docs are held against it."""
        handlers: dict[str, Endpoint] = {
            "log": self.log, "count": self.count, "update": self.update}
        return [Route(f"{self._prefix}{name}{slash}", handler, methods=["POST"])
                for name, handler in handlers.items() for slash in ("", "/")]

    @operations(_TAKEN)
    async def log(self, request: Request) -> Response:
        """Lines of logs: `msg`, `level`, `ltime`, `topic`, `name`, `hostname`, …"""
        return await self._take(request, Way.LOG)

    @operations(_TAKEN)
    async def count(self, request: Request) -> Response:
        """Counts: `id`, `by` (1 where it is missing), `day` (today, UTC)."""
        return await self._take(request, Way.COUNT)

    @operations(_TAKEN)
    async def update(self, request: Request) -> Response:
        """Messages that replace the one before of their `id`: `id`, `msg`, `updated`."""
        return await self._take(request, Way.UPDATE)

    async def _take(self, request: Request, route: Way) -> Response:
        """200 with an empty body when all of it is durable, 207 when something was refused."""
        try:
            body = await self._record(request, route)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except RequestRefused as error:
            return refused(error)
        except SpoolUnavailable:
            return refused(RequestRefused(503, "unavailable",
                                          "Nothing was taken; send it again later."))
        headers = {"cache-control": "no-store"}
        if not body.refused:
            return Response(headers=headers)
        return json_answer({"accepted": body.size - len(body.refused), "rejected": body.refused},
                           207, headers)

    async def _record(self, request: Request, route: Way) -> Body:
        address = self._intake.client_address(peer_of(request), head_of(request.scope))
        who = from_header(request.headers.get("authorization", ""), address)
        await self._caller.ask(Permit(who, SCOPE))
        body = self._messages.read(route, await self._body(request),
                                   request.headers.get("content-type", "").lower().encode())
        # The path may be longer and headers hold the key: none of that is kept.
        head = b"POST %b%b HTTP/1.1\r\nhost: %b\r\n" % (
            self._prefix.encode(), route.name.lower().encode(),
            request.headers.get("host", "").encode("latin-1"))
        hold_repetition(body.size, len(head))
        received, hit_id = self._intake.stamp(body.size)
        hit = Hit(hit_id, received, route, address, head, body.data, body.shape,
                  body.size - len(body.refused), tuple([event.index for event in body.refused]),
                  request.url.scheme == "https")
        durable = Durable()
        self._door.append(encode_hit(hit), durable, hit.events)
        await durable.wait()
        return body

    async def _body(self, request: Request) -> bytes:
        settings = self._door.settings
        data = await read_body(request.receive, settings.body_bytes, settings.body_seconds,
                               self._door)
        codings = request.headers.get("content-encoding", "").encode("latin-1")
        return coding.decode(data, codings, settings.body_bytes) if codings and data else data
