"""The ClickHouse HTTP protocol on loopback: `/`, `/ping`, and what clients expect around them."""

import asyncio
import hmac
import json
import re
import socket
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import Any, Final

import uvicorn

from tracker.query.engine import Readable
from tracker.query.failure import QueryFailed
from tracker.query.fence import is_flush
from tracker.query.link import Link
from tracker.query.others import Others
from tracker.query.protocol import (
    MAX_BODY_BYTES,
    Credentials,
    Headers,
    Query,
    arguments,
    checked_id,
    credentials,
    read_query,
)
from tracker.query.runner import Answer, Counts, Runner
from tracker.settings import QuerySettings

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_SECONDS: Final = 30.0
DROPPED_BYTES: Final = 64 << 20
SEND_SECONDS: Final = 60.0  # how long a client may leave a piece of its result unread

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:@]+)(:[0-9]+)?")

_TYPES: Final = {
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "parquet": "application/octet-stream",
    "native": "application/octet-stream",
    "arrow": "application/octet-stream",
    "arrowstream": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
}


class QueryEndpoint:
    """Answers queries of anyone on this machine from the engine's tables.

    `link` leads to the store process: to wait for what is acknowledged, and to the stores that a
    query may name by `store` in the URL.
    """

    def __init__(self, settings: QuerySettings, tables: Readable, link: Link) -> None:
        self._settings = settings
        self._link = link
        self._runner = Runner(settings, tables)
        self._others = Others(link, settings)
        config = uvicorn.Config(self.app, interface="asgi3", lifespan="off", log_config=None,
                                access_log=False, proxy_headers=False,
                                server_header=False, http="httptools", ws="none",
                                limit_concurrency=256, timeout_keep_alive=30,
                                timeout_graceful_shutdown=2)
        self._server = _Server(config)

    @property
    def counts(self) -> Counts:
        """For the metrics."""
        return self._runner.counts

    async def serve(self, sock: socket.socket) -> None:
        """Answer on a listening socket until `stop`."""
        try:
            await self._server.serve([sock])
        finally:
            await self._runner.close()

    async def stop(self) -> None:
        """Make `serve` return; queries that run are given two seconds."""
        self._server.should_exit = True

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("utf-8", "surrogateescape")
                   for name, value in scope["headers"]}
        reply = _Reply(send, str(uuid.uuid4()))
        try:
            await self._answer(scope, headers, receive, reply)
        except QueryFailed as failure:
            await reply.fail(failure)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive,
                      reply: "_Reply") -> None:
        self._check_origin(scope, headers)
        path, method = scope["path"], scope["method"]
        if path in {"/ping", "/replicas_status"}:
            await reply.text(200, "Ok.\n")
        elif path == "/progress":
            await self._progress(scope, headers, reply)
        elif path not in {"/", "/query"}:
            await reply.text(404, f"There is no handle {path[:100]}; queries go to /\n")
        elif method not in {"GET", "HEAD", "POST"}:
            await reply.text(405, "Use GET or POST\n", allow="GET, HEAD, POST")
        else:
            await self._query(scope, headers, receive, reply)

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Pages in a browser must not reach the data, also not under a name they own."""
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in {"none",
                                                                                "same-origin"}:
            raise QueryFailed(497, "Requests from pages in a browser are refused")
        server = (scope.get("server") or ("",))[0]
        known = {"localhost", "127.0.0.1", "::1", server, self._settings.host.lower()}
        host = headers.get("host")
        if host is not None and _host_name(host) not in known:
            raise QueryFailed(497, "The Host header is not this endpoint's address; "
                                   "use localhost or 127.0.0.1")

    async def _query(self, scope: Scope, headers: Headers, receive: Receive,
                     reply: "_Reply") -> None:
        args = arguments(scope["query_string"])
        self._check_credentials(credentials(headers, args))
        body = await _body(receive)
        if scope["method"] == "HEAD":
            await reply.unknown()  # its size is known when it has run; better run it once, for GET
            return
        if scope["method"] == "GET" and not args.get("query"):
            await reply.text(200, "Ok.\n")
            return
        reply.query_id = checked_id(args.get("query_id", ""), reply.query_id)
        query = replace(read_query(headers, args, body, str(uuid.uuid4())), name=reply.query_id)
        if is_flush(query.sql):
            await self._link.flush(self._settings.seconds)
            await reply.text(200, "")
            return
        if store := args.get("store"):
            await reply.result(await self._others.answer(store, query))
            return
        await self._run(query, receive, reply)

    async def _progress(self, scope: Scope, headers: Headers, reply: "_Reply") -> None:
        """How far the query is that was sent with this `query_id`, for who shows it."""
        args = arguments(scope["query_string"])
        self._check_credentials(credentials(headers, args))
        progress = await self._runner.progress(args.get("query_id", ""))
        if progress is None:
            await reply.text(404, "No query of this query_id runs\n")
            return
        await reply.text(200, json.dumps(asdict(progress)),
                         **{"content-type": "application/json"})

    def _check_credentials(self, given: Credentials) -> None:
        wanted = self._settings.password.encode()
        right = hmac.compare_digest(given.password.encode("utf-8", "surrogateescape"), wanted)
        if (wanted and not right) or given.user not in {"", "default"}:
            raise QueryFailed(516, "default: Authentication failed: the user is `default`, the "
                                   "password that of QueryPassword")

    async def _run(self, query: Query, receive: Receive, reply: "_Reply") -> None:
        """Answer one query; it is stopped when the client goes away."""
        work = asyncio.create_task(self._answer_query(query, reply))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        finally:
            work.cancel()
            gone.cancel()

    async def _answer_query(self, query: Query, reply: "_Reply") -> None:
        async with self._runner.run(query) as answer:
            await reply.result(answer)


class _Reply:
    """One HTTP answer with ClickHouse's headers."""

    def __init__(self, send: Send, query_id: str) -> None:
        self._send = send
        self._started = False
        self._tag = uuid.uuid4().hex[:16]
        self.query_id = query_id

    async def text(self, status: int, text: str, **headers: str) -> None:
        """A short text, whole."""
        await self._whole(status, text.encode(), {"content-type": "text/plain; charset=UTF-8",
                                                  **headers})

    async def fail(self, failure: QueryFailed) -> None:
        """The error; behind a part of a result it is written there, and the connection cut.

        Clients know it by the tag that the headers announced. An answer that is left without its
        end is cut by the server.
        """
        if self._started:
            tag = self._tag.encode()
            text = failure.text.encode()
            with suppress(TimeoutError, OSError):
                await self._piece(b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n"
                                  % (tag, text, len(text), tag))
            return
        extra = {"x-clickhouse-exception-code": str(failure.code)}
        if failure.status == 401:
            extra["www-authenticate"] = 'Basic realm="Tracker"'
        if failure.status == 503:
            extra["retry-after"] = "1"
        await self.text(failure.status, failure.text, **extra)

    async def result(self, answer: Answer) -> None:
        """A result, whole with its length or piece by piece."""
        headers = self._result_headers(answer)
        if answer.length is not None:
            headers["content-length"] = str(answer.length)
        else:
            headers["x-clickhouse-exception-tag"] = self._tag
        await self._begin(200, headers)
        async for piece in answer.pieces:
            await self._piece(piece)
        await self._send({"type": "http.response.body", "body": b""})

    async def unknown(self) -> None:
        """What is known of a result before its query has run."""
        await self._begin(200, {"accept-ranges": "none"})
        await self._send({"type": "http.response.body", "body": b""})

    def _result_headers(self, answer: Answer) -> dict[str, str]:
        form = answer.format.lower()
        summary = {"read_rows": "0", "read_bytes": "0", "written_rows": "0", "written_bytes": "0",
                   "total_rows_to_read": "0", "result_rows": str(answer.rows),
                   "result_bytes": str(answer.length or 0),
                   "elapsed_ns": str(int(answer.elapsed * 1e9))}
        return {
            "content-type": _TYPES.get(form, "text/plain; charset=UTF-8"),
            "x-clickhouse-format": answer.format,
            "x-clickhouse-timezone": answer.timezone,
            "x-clickhouse-summary": json.dumps(summary, separators=(",", ":")),
            "accept-ranges": "none",
        }

    async def _whole(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        await self._begin(status, {**headers, "content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})

    async def _begin(self, status: int, headers: dict[str, str]) -> None:
        headers |= {"x-clickhouse-query-id": self.query_id,
                    "x-clickhouse-server-display-name": "tracker",
                    "x-content-type-options": "nosniff",
                    "cache-control": "no-store"}
        self._started = True
        await self._send({"type": "http.response.start", "status": status,
                          "headers": [(name.encode(), value.encode("latin-1", "replace"))
                                      for name, value in headers.items()]})

    async def _piece(self, piece: bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})


class _Server(uvicorn.Server):
    """A server that leaves signals to the process it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _body(receive: Receive) -> bytes:
    """The request's body; raises `QueryFailed` when it is too large or does not come.

    What is too much is read and dropped, up to a bound, so that the client reads the answer.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while size <= DROPPED_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise QueryFailed(210, "The client went away")
                part = message.get("body", b"")
                size += len(part)
                if size <= MAX_BODY_BYTES:
                    parts.append(part)
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise QueryFailed(210, f"The body did not come within {BODY_SECONDS:g} seconds") from None
    if size > MAX_BODY_BYTES:
        raise QueryFailed(381, f"The body is larger than {MAX_BODY_BYTES} bytes; events are sent "
                               "to the tracking routes, not here")
    return b"".join(parts)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _host_name(host: str) -> str:
    """The Host header without port, brackets and a closing dot, in lower case; "" of others."""
    found = _HOST.fullmatch(host.strip().lower())
    return "" if found is None else found["name"].strip("[]").rstrip(".")
