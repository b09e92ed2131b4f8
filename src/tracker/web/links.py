"""The pages that make, list, change and delete short URLs, and draw them as QR codes."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypedDict
from urllib.parse import unquote

import msgspec
import segno
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tracker.door.door import Door
from tracker.errors import RequestRefused, SpoolUnavailable
from tracker.intake import Headers, Intake
from tracker.operation import JSON, PREFLIGHT, Answer, Operation, Parameter, operations
from tracker.registry.caller import Caller, CallRefused
from tracker.registry.calls import (
    Credential,
    DropLink,
    FindLinks,
    PutLinks,
    Told,
    Wish,
)
from tracker.registry.links import ShortLink
from tracker.settings import IntakeSettings
from tracker.web.answers import json_answer, peer_of
from tracker.web.body import read_body
from tracker.web.credentials import from_header
from tracker.web.loads import read_many, read_one
from tracker.web.rest import REST, methods_at
from tracker.web.tracking import head_of

_METHODS = {"redirect": ("GET", "POST", "PATCH", "DELETE", "OPTIONS"),
            "redirects": ("GET", "POST", "OPTIONS"), "qr": ("GET", "OPTIONS")}
_LISTED = 1_000
_SCALES = range(1, 41)
_ALLOW_HEADERS = "content-type, authorization"

_WAYS = ("", "/{host}", "/{uid}/{password}", "/{uid}/{password}/{host}")
_REFUSED = ("400 link_refused", "401 not_authenticated", "403 forbidden",
            "429 too_many_attempts")
_URLFROM = Parameter("urlfrom", "The short URL.", {"type": "string", "format": "uri"},
                     required=True)


class Listed(TypedDict):
    """Several links."""

    results: list[ShortLink]


def _in_all_ways(methods: tuple[str, ...], answers: tuple[Answer, ...], *refusals: str,
                 about: str, ways: Sequence[str] = _WAYS, takes: Mapping[str, Any] | None = None,
                 parameters: tuple[Parameter, ...] = ()) -> Iterator[Operation]:
    """With the key in the header, and with account and password in the path."""
    for way in ways:
        yield Operation(methods, answers, (*_REFUSED, *refusals), parameters, takes, way, about,
                        keyed="{uid}" not in way)


_MADE = (Answer(200, "Changed.", {JSON: ShortLink}), Answer(201, "New.", {JSON: ShortLink}))
_TAKEN = (Answer(200, "All changed.", {JSON: Listed}), Answer(201, "Some are new.", {JSON: Listed}))
_UNREADABLE = "400 not_json empty_body"
_REDIRECT = (
    *_in_all_ways(("POST",), _MADE, _UNREADABLE, about="Makes or replaces a short URL.",
                  takes={JSON: Wish}),
    *_in_all_ways(("PATCH",), _MADE[:1], _UNREADABLE, "404 link_not_found",
                  about="Changes a short URL; what is not named stays.", takes={JSON: Wish}),
    *_in_all_ways(("GET",), (Answer(200, "The link.", {JSON: ShortLink}),), "404 link_not_found",
                  about="Shows a short URL.", parameters=(_URLFROM,)),
    *_in_all_ways(("DELETE",), (Answer(200, "As it was.", {JSON: ShortLink}),),
                  "404 link_not_found", about="Deletes a short URL.", parameters=(_URLFROM,)),
    *(replace(PREFLIGHT, below=way) for way in _WAYS))
_REDIRECTS = (
    *_in_all_ways(("POST",), _TAKEN, "400 not_json not_utf8 not_csv empty_body empty_batch",
                  "413 too_many_links", about="Makes or replaces up to 10,000 short URLs, all or"
                  " none. A line of names stands above CSV.",
                  takes={JSON: list[Wish], "text/csv": str}),
    *_in_all_ways(("GET",), (Answer(200, "In the order of their paths.", {JSON: Listed}),),
                  "404 not_found", about="Lists the short URLs of a host, which must be named.",
                  parameters=(
                      Parameter("limit", "How many; 1,000 where none is named, at most 10,000.",
                                {"type": "integer", "minimum": 1, "maximum": 999_999}),
                      Parameter("after", "The path (`slugfrom`) behind which to begin."))),
    *(replace(PREFLIGHT, below=way) for way in _WAYS))
_QR = (
    *_in_all_ways(("GET",), (Answer(200, "The picture.", {
        "image/svg+xml": str, "image/png": {"type": "string", "format": "binary"}}),),
        "404 link_not_found", about="", ways=_WAYS[:1], parameters=(
            _URLFROM, Parameter("format", "The picture's.", {"enum": ["svg", "png"]}),
            Parameter("scale", "Pixels of a module.", {
                "type": "integer", "minimum": 1, "maximum": 40}))),
    PREFLIGHT)


class LinkPages:
    """`/tr/v1/rpi/…`: asks the store process, which alone writes and knows who may.

    An account and its password may stand in the path, as the original has it; nothing here keeps
    or logs a path.
    """

    def __init__(self, caller: Caller, door: Door, intake: Intake, settings: IntakeSettings
                 ) -> None:
        self._caller = caller
        self._door = door
        self._intake = intake
        self._prefix = f"/tr/v{settings.api_version}/rpi/"

    def routes(self) -> list[Route]:
        """Path and handler of each; the docs are held against it."""
        handlers = {"redirect": self.redirect, "redirects": self.redirects, "qr": self.qr}
        return [Route(f"{self._prefix}{name}{rest}", self._guarded(handler),
                      methods=_METHODS[name], name=name)
                for name, handler in handlers.items()
                for rest in ("", REST) if rest == "" or name != "qr"]

    @operations(*_REDIRECT)
    async def redirect(self, request: Request) -> Response:
        """One short URL: POST makes it, PATCH changes it, GET shows it, DELETE deletes it."""
        who, host = self._who(request, 0)
        match request.method:
            case "POST" | "PATCH":
                wish = read_one(await self._body(request))
                told = await self._caller.ask(PutLinks(who, [wish], host,
                                                change=request.method == "PATCH"))
                return json_answer(msgspec.json.decode(told.value)[0], told.status)
            case "DELETE":
                return _answer(await self._caller.ask(DropLink(who, _urlfrom(request))))
            case _:
                return _answer(await self._caller.ask(FindLinks(who, urlfrom=_urlfrom(request))))

    @operations(*_REDIRECTS)
    async def redirects(self, request: Request) -> Response:
        """The short URLs of a host; POST makes up to 10,000 at once, all or none (JSON or CSV)."""
        if request.method == "POST":
            who, host = self._who(request, 0)
            wishes = read_many(await self._body(request), request.headers.get("content-type", ""))
            told = await self._caller.ask(PutLinks(who, wishes, host))
        else:
            who, host = self._who(request, 1)
            query = request.query_params
            most = query.get("limit", str(_LISTED))
            if not most.isdecimal() or len(most) > 6 or int(most) < 1:
                raise RequestRefused(400, "link_refused", "`limit` must be a number of links, 1 or"
                                     " more.", "limit")
            told = await self._caller.ask(FindLinks(who, host, after=query.get("after", ""),
                                             most=int(most)))
        return json_answer({"results": msgspec.Raw(told.value)}, told.status)

    @operations(*_QR)
    async def qr(self, request: Request) -> Response:
        """The QR code of a short URL, as SVG or, with `format=png`, as PNG."""
        who, _ = self._who(request, 0)
        told = await self._caller.ask(FindLinks(who, urlfrom=_urlfrom(request)))
        kind = request.query_params.get("format", "svg")
        scale = request.query_params.get("scale", "8")
        if kind not in ("svg", "png"):
            raise RequestRefused(400, "link_refused", "`format` must be svg or png.", "format")
        if not scale.isdecimal() or len(scale) > 2 or int(scale) not in _SCALES:
            raise RequestRefused(400, "link_refused", "`scale` must be 1 to 40 pixels.", "scale")
        url = msgspec.json.decode(told.value)["urlfrom"]
        content = io.BytesIO()
        segno.make_qr(url).save(content, kind=kind, scale=int(scale))
        return Response(content.getvalue(),
                        media_type="image/svg+xml" if kind == "svg" else "image/png")

    async def _body(self, request: Request) -> bytes:
        settings = self._door.settings
        return await read_body(request.receive, settings.body_bytes, settings.body_seconds,
                               self._door)

    def _who(self, request: Request, least: int) -> tuple[Credential, str]:
        """Who asks, and the host in the path; behind two parts more than `least` it is the
        original's form, with account and password in the path."""
        peer = peer_of(request)
        address = self._intake.client_address(peer, head_of(request.scope))
        raw: bytes = request.scope["raw_path"]
        rest = raw[len(self._prefix):].partition(b"/")[2].strip(b"/")
        parts = [unquote(part) for part in rest.decode("utf-8", "replace").split("/")] if rest \
            else []
        host = ""
        if len(parts) in (least + 2, 3):
            uid, password, *others = parts
            who = Credential(address, uid=uid, password=password)
            host = others[0] if others else ""
        elif len(parts) in (least, 1):
            who = from_header(request.headers.get("authorization", ""), address)
            host = parts[0] if parts else ""
        else:
            raise RequestRefused(404, "not_found", "There is nothing at this path.")
        return who, host

    def _guarded(self, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        """`handler` with its refusals as answers, and what scripts of allowed origins need."""
        @wraps(handler)
        async def guarded(request: Request) -> Response:
            origin = request.headers.get("origin", "").encode("latin-1")
            cors = self._intake.cors(origin)
            try:
                answer = (_preflight(request) if request.method == "OPTIONS"
                          else await handler(request))
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it
            except RequestRefused as error:
                answer = refused(error)
            except SpoolUnavailable:
                answer = refused(RequestRefused(503, "unavailable",
                                                "Nothing was changed; send it again later."))
            answer.headers.update(_texts(cors))
            answer.headers["cache-control"] = "no-store"
            return answer

        return guarded


def _preflight(request: Request) -> Response:
    allowed = methods_at(request)
    return Response(headers={
        "allow": allowed, "access-control-allow-methods": allowed,
        "access-control-allow-headers": _ALLOW_HEADERS, "access-control-max-age": "7200"})


def refused(error: RequestRefused) -> Response:
    """The error shape; of many links also what is wrong with each."""
    body: dict[str, Any] = {"error": {"code": error.code, "message": error.message,
                                      "field": error.field}}
    headers = {"cache-control": "no-store"}
    if isinstance(error, CallRefused) and error.told.rejected:
        body["rejected"] = error.told.rejected
    if error.retry or error.status == 503:
        headers["retry-after"] = str(error.retry or 1)
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="tracker"'
    if error.status in {408, 413}:
        headers["connection"] = "close"
    return json_answer(body, error.status, headers)


def _answer(told: Told) -> Response:
    return Response(told.value, told.status, media_type=JSON)


def _urlfrom(request: Request) -> str:
    urlfrom = request.query_params.get("urlfrom", "")
    if not urlfrom:
        raise RequestRefused(400, "link_refused", "Name the short URL: ?urlfrom=https://…",
                             "urlfrom")
    return urlfrom


def _texts(headers: Headers) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}
