"""The pages that make, list, change and delete short URLs, and draw them as QR codes."""

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
import segno
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tracker.door.door import Door
from tracker.errors import RequestRefused, SpoolUnavailable
from tracker.intake import Headers, Intake
from tracker.registry.caller import Caller, CallRefused
from tracker.registry.calls import (
    Credential,
    DropLink,
    FindLinks,
    PutLinks,
    Told,
)
from tracker.settings import IntakeSettings
from tracker.web.answers import JSON, json_answer, peer_of
from tracker.web.body import read_body
from tracker.web.credentials import from_header
from tracker.web.loads import read_many, read_one
from tracker.web.tracking import head_of

_METHODS = ("GET", "POST", "PATCH", "DELETE", "OPTIONS")
_ALLOW = {"redirect": ("GET", "POST", "PATCH", "DELETE"), "redirects": ("GET", "POST"),
          "qr": ("GET",)}
_LISTED = 1_000
_SCALES = range(1, 41)
_ALLOW_HEADERS = "content-type, authorization"


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
        return [Route(f"{self._prefix}{name}{rest}", self._guarded(name, handler),
                      methods=_METHODS, name=name)
                for name, handler in handlers.items()
                for rest in ("", "/{rest:path}") if rest == "" or name != "qr"]

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
            if not most.isdecimal() or len(most) > 6:
                raise RequestRefused(400, "link_refused", "`limit` is no number.", "limit")
            told = await self._caller.ask(FindLinks(who, host, after=query.get("after", ""),
                                             most=int(most)))
        return json_answer({"results": msgspec.Raw(told.value)}, told.status)

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

    def _guarded(self, name: str, handler: Callable[[Request], Any]
                 ) -> Callable[[Request], Any]:
        """`handler` with its refusals as answers, and what scripts of allowed origins need."""
        async def guarded(request: Request) -> Response:
            origin = request.headers.get("origin", "").encode("latin-1")
            cors = self._intake.cors(origin)
            try:
                answer = self._preflight(name, request) or await handler(request)
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

        guarded.__doc__ = handler.__doc__
        return guarded

    def _preflight(self, name: str, request: Request) -> Response | None:
        """The answer where a handler need not be asked."""
        allowed = ", ".join((*_ALLOW[name], "OPTIONS"))
        if request.method == "OPTIONS":
            return Response(headers={
                "allow": allowed, "access-control-allow-methods": allowed,
                "access-control-allow-headers": _ALLOW_HEADERS, "access-control-max-age": "7200"})
        if request.method == "HEAD" or request.method in _ALLOW[name]:
            return None
        answer = refused(RequestRefused(405, "method_not_allowed", f"This path takes {allowed}."))
        answer.headers["allow"] = allowed
        return answer


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
