"""The application behind the door: what is not a hit in one piece, and what people ask of us."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tracker import __version__
from tracker.door.door import Door
from tracker.intake import Intake
from tracker.intake.answers import NOSNIFF
from tracker.metrics import (
    EdgeSnapshot,
    QuerySnapshot,
    StoreSnapshot,
    read_edges,
    read_query,
    read_store,
)
from tracker.operation import JSON, TEXT, Answer, Operation, operations
from tracker.registry.caller import Caller
from tracker.settings import IntakeSettings
from tracker.web.answers import error_answer, json_answer, peer_of
from tracker.web.exposition import CONTENT_TYPE, Exposition
from tracker.web.files import PublicFiles
from tracker.web.following import Following
from tracker.web.health import Health, health
from tracker.web.links import LinkPages
from tracker.web.openapi import Description
from tracker.web.ppi import Ppi
from tracker.web.rest import methods_at
from tracker.web.servermessages import ServerPages
from tracker.web.tracking import Tracking, head_of

Endpoint = Callable[[Request], Awaitable[Response]]

COOKIES = ("vid", "sid", "sess", "ref", "xid", "params", "trc", "jwt", "CookieConsent", "ehash")
"""What the tracker and the scripts before it keep in a browser."""

TEXTS = {404: ("not_found", "There is nothing at this path.")}

READ = ("GET", "POST")


class Pair(TypedDict):
    """One thing that `/status` tells."""

    Key: str
    Value: str | int


@dataclass(frozen=True, slots=True)
class Overview:
    """What every worker can tell of all processes.

    `own` gives this worker's snapshot as it is now; the others come from the files in `run`.
    `workers` is how many there should be, `asked` whether there should be a query process.
    `starting` says whether all were started just now.
    """

    run: Path
    supervisor: int
    workers: int
    stores: tuple[str, ...]
    own: Callable[[], EdgeSnapshot]
    asked: bool
    starting: Callable[[], bool]

    def edges(self) -> list[EdgeSnapshot]:
        """All workers, this one as it is now."""
        own = self.own()
        others = read_edges(self.run, self.supervisor)
        return [own, *(edge for edge in others if edge.stamp.process != own.stamp.process)]

    def store(self) -> StoreSnapshot | None:
        """The store process, as it last said."""
        return read_store(self.run, self.supervisor)

    def query(self) -> QuerySnapshot | None:
        """The query process, as it last said."""
        return read_query(self.run, self.supervisor)


class Web:
    """The pages that tell about the tracker itself."""

    def __init__(self, overview: Overview, clock: Callable[[], float], intake: Intake,
                 ppi: Ppi) -> None:
        self._overview = overview
        self._ppi = ppi
        self._clock = clock
        self._intake = intake

    def routes(self) -> list[Route]:
        """Path and handler of each; the docs are held against it."""
        handlers: dict[str, Endpoint] = {
            "/ping": self.ping, "/status": self.status, "/health": self.health,
            "/metrics": self.metrics, "/clear": self.clear,
        }
        return [Route(path, handler, methods=["GET", "HEAD", "POST"])
                for path, handler in handlers.items()]

    @operations(Operation(READ, (Answer(200, "`pong`", {TEXT: str}),)))
    async def ping(self, request: Request) -> Response:
        """`pong`: the worker lives."""
        return PlainTextResponse("pong", headers=self._cors(request))

    @operations(Operation(READ, (Answer(200, "Three pairs.", {JSON: list[Pair]}),)))
    async def status(self, request: Request) -> Response:
        """The client's address, connections of all workers, version."""
        client = self._intake.client_address(peer_of(request), head_of(request.scope))
        connections = sum(edge.connections for edge in self._overview.edges())
        told: list[Pair] = [{"Key": "client", "Value": client},
                            {"Key": "conns", "Value": connections},
                            {"Key": "version", "Value": __version__}]
        return json_answer(told, headers=self._cors(request))

    @operations(Operation(READ, (Answer(200, "Events are accepted.", {JSON: Health}),
                                 Answer(503, "Events are refused.", {JSON: Health}))))
    async def health(self, request: Request) -> Response:
        """How spool, stores and queries are; 503 when hits are refused."""
        overview = self._overview
        body = health(overview.edges(), overview.workers, overview.store(), overview.stores,
                      self._clock(), overview.query(), asked=overview.asked,
                      starting=overview.starting(), beside=self._ppi.state())
        return json_answer(body, 503 if body["status"] == "failing" else 200,
                           self._cors(request))

    @operations(Operation(READ, (Answer(200, "A line per value.", {TEXT: str}),)))
    async def metrics(self, request: Request) -> Response:
        """All counters, in Prometheus' text format."""
        del request
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Exposition(self._overview.edges(), self._overview.store(),
                                     self._overview.stores, self._clock(),
                                     self._overview.query(), asked=self._overview.asked))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE)

    @operations(Operation(READ, (Answer(200, "`OK`", {TEXT: str}, {
        "Clear-Site-Data": "What to forget."}),), ("403 http_error",)))
    async def clear(self, request: Request) -> Response:
        """Asks the browser to forget all it has stored for this site, and ends our cookies; not at
        other sites' wish."""
        if request.headers.get("sec-fetch-site") == "cross-site":
            raise HTTPException(403, "Only pages of this site may ask for this.")
        answer = PlainTextResponse(
            "OK", headers={"clear-site-data": '"*"', **self._cors(request)})
        for name in COOKIES:  # browsers heed the header by HTTPS alone
            answer.headers.append("set-cookie", f"{name}=; Max-Age=0; Path=/; SameSite=Lax")
        return answer

    async def method_refused(self, request: Request, _: Exception) -> Response:
        """405, with the methods that there are; also for scripts of allowed origins."""
        allowed = methods_at(request)
        return error_answer(405, "method_not_allowed", f"This path takes {allowed}.", {
            "allow": allowed, "cache-control": "no-store", **self._cors(request)})

    def _cors(self, request: Request) -> dict[str, str]:
        """What lets scripts of allowed origins read an answer."""
        origin = request.headers.get("origin", "").encode("latin-1")
        return {name.decode(): value.decode() for name, value in self._intake.cors(origin)}


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, message = TEXTS.get(error.status_code, ("http_error", error.detail))
    return error_answer(error.status_code, code, message, dict(error.headers or {}))


async def _failed(_: Request, __: Exception) -> Response:
    return error_answer(500, "internal_error", "The tracker failed at this request.")


class App:
    """Counts every answer; tracking routes go to `Tracking`, the rest to the pages."""

    def __init__(self, door: Door, tracking: Tracking, pages: ASGIApp) -> None:
        self._door = door
        self._tracking = tracking
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self._tracking.route(scope) or ""
        recorded = scope["state"].get("recorded", False)

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._door.count(route, message["status"])
                message["headers"] = [*message.get("headers", ()), (b"date", self._door.date),
                                      NOSNIFF]
            await send(message)

        scope["tracking"] = bool(route) or recorded
        await self._pages(scope, receive, counted)


def application(door: Door, intake: Intake, settings: IntakeSettings, overview: Overview,
                clock: Callable[[], float], ppi: Ppi, caller: Caller) -> ASGIApp:
    """All that the door hands over."""
    web = Web(overview, clock, intake, ppi)
    prefix = f"/tr/v{settings.api_version}/pub/"
    tracking = Tracking(door, PublicFiles(settings.static_directory, prefix, intake.cors))
    following = Following(door, caller, tracking)
    links = LinkPages(caller, door, intake, settings)
    servers = ServerPages(caller, door, intake, settings)
    description = Description(settings.api_version)
    routes = [*web.routes(), *ppi.routes(settings.api_version, tracking), *links.routes(),
              *servers.routes(), description.route()]
    description.write(routes)
    pages = Starlette(routes=routes,
                      exception_handlers={405: web.method_refused, HTTPException: _refused,
                                          Exception: _failed})
    pages.router.redirect_slashes = False
    rest = pages.router.default

    async def default(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["tracking"]:
            await tracking(scope, receive, send)
        elif (link := following.link(scope)) is not None:
            await following.follow(link, scope, receive, send)
        else:
            await rest(scope, receive, send)

    pages.router.default = default
    return App(door, tracking, pages)


def redirect_application(port: int) -> ASGIApp:
    """Sends every request to the same path at `port`, by HTTPS."""
    async def redirect(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        host = (request.headers.get("host") or "").rpartition("@")[2]
        name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        target = scope["raw_path"].decode("ascii", "replace")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        if not name or not target.startswith("/"):
            answer: Response = error_answer(400, "no_host", "The request names no host.")
        else:
            suffix = "" if port == 443 else f":{port}"
            answer = Response(status_code=308,
                              headers={"location": f"https://{name}{suffix}{target}"})
        await answer(scope, receive, send)

    return redirect
