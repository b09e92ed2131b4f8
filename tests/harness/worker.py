"""One edge worker inside the test's process, on a free loopback port, with its real spool."""

import asyncio
import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar

import uvloop

from tracker.edge import Edge
from tracker.hit import Hit, decode_hit
from tracker.settings import (
    BatchSettings,
    DoorSettings,
    IntakeSettings,
    Listener,
    QuerySettings,
    RefineSettings,
    Settings,
    SpoolSettings,
    StoreSettings,
)
from tracker.spool.reader import SpoolReader

T = TypeVar("T")
PATIENCE = 15.0
BODY = b'{"ename":"seen"}'
POST = (b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: tracker.test\r\nContent-Type: application/json\r\n"
        b"Content-Length: 16\r\n\r\n" + BODY)


def settings_for(directory: Path, door: DoorSettings | None = None,
                 intake: IntakeSettings | None = None, **others: Any) -> Settings:
    """Settings of a worker on its own."""
    return Settings(
        path=None, data_directory=directory, listeners=(), workers=1, stop_seconds=5.0,
        debug=False, door=door or DoorSettings(), intake=intake or IntakeSettings(),
        spool=SpoolSettings(segment_bytes=8 << 20), refine=RefineSettings(),
        batches=BatchSettings(), stores=(StoreSettings("chdb", "chdb"),), query=QuerySettings(),
        **others)


class Worker:
    """A running worker; its loop has a thread of its own."""

    def __init__(self, settings: Settings, *listeners: Listener) -> None:
        self.settings = settings
        self._listeners = listeners or (Listener("127.0.0.1", 0),)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.ports: list[int] = []

    def start(self) -> None:
        """Bind and serve."""
        self._thread.start()
        sockets = []
        for listener in self._listeners:
            bound = socket.create_server((listener.host, 0))
            self.ports.append(bound.getsockname()[1])
            sockets.append((listener, bound))
        self.edge = Edge(self.settings, 0)
        self.run(self.edge.start(sockets))

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin something on the worker's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the worker's loop."""
        return self.submit(work).result(PATIENCE)

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call something on the worker's loop."""
        async def called() -> Any:
            return function(*arguments)
        return self.run(called())

    def stop(self) -> None:
        """Stop in order."""
        self.run(self.edge.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def hits(self) -> list[Hit]:
        """All hits that are durable now."""
        reader = SpoolReader(self.settings.data_directory / "spool" / "w0")
        found = []
        while records := reader.read(1000, 64 << 20):
            found += [decode_hit(record.data) for record in records]
        return found

    def connect(self, context: ssl.SSLContext | None = None) -> "Client":
        """A new connection to the first listener; with a `context` over TLS."""
        return Client(self.ports[0], context)


class Client:
    """A raw connection with whole answers read by the standard library."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if context is not None:
            self.socket = context.wrap_socket(self.socket)
        self._file = self.socket.makefile("rb")

    def send(self, *pieces: bytes) -> None:
        """Send pieces, each as a packet of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self, method: str = "POST") -> "Response":
        """The next answer."""
        response = http.client.HTTPResponse(_Reader(self._file), method=method)  # type: ignore[arg-type]  # all it asks of a socket
        response.begin()
        body = response.read()
        return Response(response.status, {k.lower(): v for k, v in response.getheaders()}, body)

    def ask(self, request: bytes, method: str = "POST") -> "Response":
        """Send a request and read its answer."""
        self.send(request)
        return self.answer(method)

    def line(self) -> bytes:
        """One line, as it comes."""
        return self._file.readline()

    def take(self, size: int) -> bytes:
        """So many bytes, as they come."""
        return self._file.read(size)

    def is_closed(self) -> bool:
        """Whether the worker has hung up, with nothing more to read."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Reader:
    def __init__(self, file: Any) -> None:
        self._file = file

    def makefile(self, _: str) -> "_Reader":
        return self

    def close(self) -> None:
        """The connection outlives one answer."""

    def flush(self) -> None:
        """Nothing is buffered here."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Response:
    """One answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        """The body, understood."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json()["error"]["code"])


@contextlib.contextmanager
def working(settings: Settings, *listeners: Listener) -> Iterator[Worker]:
    """A worker for the length of a block."""
    worker = Worker(settings, *listeners)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
