"""Tracking routes for requests that reach the application: chunked, or after a hand-over."""

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tracker.door.address import canonical
from tracker.door.door import Door
from tracker.errors import RequestRefused, SpoolUnavailable
from tracker.intake import Answer, Request
from tracker.web.body import read_body
from tracker.web.durable import Durable

HOP_BY_HOP = frozenset({b"transfer-encoding", b"connection", b"keep-alive"})


class Tracking:
    """The same intake and the same spool as at the door, as an ASGI application."""

    def __init__(self, door: Door, files: ASGIApp) -> None:
        self._door = door
        self._files = files

    def route(self, scope: Scope) -> str | None:
        """The name of the tracking route that a request is for."""
        return self._door.route(target_of(scope), head_of(scope))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record a request and answer it."""
        if scope["state"].pop("recorded", False):
            await self._files(scope, receive, send)
            return
        head = head_of(scope)
        try:
            answer = await self._record(scope, receive, head)
        except ClientDisconnect:  # nobody waits for an answer
            return
        except RequestRefused as error:
            answer = self._door.refusal(error, head)
            if error.status in {408, 413}:
                answer = answer.with_headers(((b"connection", b"close"),))
        except SpoolUnavailable as error:
            answer = self._door.unavailable(error, head)
        if answer is None:
            await self._files(scope, receive, send)
        else:
            await _respond(answer, scope, receive, send)

    async def _record(self, scope: Scope, receive: Receive, head: bytes) -> Answer | None:
        """The answer when the hit is durable; None: the file of this path."""
        settings = self._door.settings
        body = await read_body(receive, settings.body_bytes, settings.body_seconds, self._door)
        client = scope.get("client")
        accepted = self._door.accept(Request(
            scope["method"].encode(), target_of(scope), head, body,
            canonical(client[0]) if client else "", scope["scheme"] == "https"))
        if isinstance(accepted, Answer):
            return accepted
        durable = Durable()
        self._door.append(accepted.record, durable, accepted.events)
        await durable.wait()
        return None if accepted.file else accepted.answer


def target_of(scope: Scope) -> bytes:
    """The raw request target."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def head_of(scope: Scope) -> bytes:
    """Request line and headers; what concerned one hop only is not in it."""
    lines = [b"%b %b HTTP/1.1\r\n" % (scope["method"].encode(), target_of(scope))]
    lines += [b"%b: %b\r\n" % header for header in scope["headers"]
              if header[0] not in HOP_BY_HOP]
    return b"".join(lines)


async def _respond(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    response = Response(answer.body, answer.status)
    response.raw_headers = [(b"content-length", b"%d" % answer.length), *answer.headers]
    await response(scope, receive, send)
