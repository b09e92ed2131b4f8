"""What the door does not answer: uvicorn's protocol takes the connection, with bounds of ours."""

import asyncio
import math
from typing import TYPE_CHECKING, Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tracker.door import refusals
from tracker.door.refusals import LINGER_SECONDS
from tracker.errors import RequestRefused

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from tracker.door.door import Door


class Application:
    """One ASGI application as uvicorn's protocol serves it."""

    def __init__(self, app: "ASGIApp", idle_seconds: float) -> None:
        self.config = Config(cast("Any", app), http=HttpToolsProtocol, ws="none", lifespan="off",
                             log_config=None, access_log=False, proxy_headers=False,
                             server_header=False, date_header=False,
                             timeout_keep_alive=math.ceil(idle_seconds))
        self.config.load()
        self.state = ServerState()

    def protocol(self, door: "Door", recorded: bool = False) -> "AppProtocol":
        """The protocol for one connection; `recorded`: its first request is a hit already."""
        return AppProtocol(self, door, recorded)


class AppProtocol(HttpToolsProtocol):
    """uvicorn's protocol under the door's sweep; it has no bounds for slow or large heads."""

    def __init__(self, application: Application, door: "Door", recorded: bool = False) -> None:
        super().__init__(application.config, application.state,
                         {"recorded": True} if recorded else {})
        self._door = door
        self._in_head = False
        self._head_bytes = 0
        self._refused = False  # the last answer is out; what still comes is dropped
        self.age = 0.0
        self.spoke = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is the application's from here on."""
        super().connection_made(cast("asyncio.Transport", transport))
        if not self._door.enter(self):
            self._refuse(refusals.too_many_connections())

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within the bound of a head."""
        if self._refused or self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self.age = 0.0
            self._head_bytes = len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._door.settings.header_bytes:
            self._refuse(refusals.head_too_large(data, self._door.settings.header_bytes))

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head has ended; the application starts."""
        self._in_head = False
        super().on_headers_complete()
        self.app_state = {}  # what is recorded is the first request only

    def pause_writing(self) -> None:
        """The client does not read its answer."""
        self.age = 0.0
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.age = 0.0
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what llhttp refused in our error shape."""
        del msg
        self._refuse(refusals.malformed())

    def _refuse(self, error: RequestRefused) -> None:
        """Send the last answer; drop what still comes, so that no reset takes the answer away."""
        if self._refused:
            return
        self._refused, self.age = True, 0.0
        cycle: Any = self.cycle
        if cycle is not None:  # what it would still say comes too late
            cycle.disconnected = True
            cycle.message_event.set()
        self._door.count("other", error.status)
        answer = self._door.refusal(error, b"")
        self.transport.write(answer.encode(False, False, self._door.date))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.transport.resume_reading()
        else:
            self.transport.close()

    # The sweep.

    def turn(self, seconds: float) -> None:
        """So much time has passed since the last turn: end what takes too long."""
        self.age += seconds
        limits = self._door.settings
        if self.flow.write_paused or self.transport.is_closing():
            if self.age >= limits.write_seconds:
                self.abort()
        elif self._refused:
            if self.age >= LINGER_SECONDS:
                self.transport.close()
        elif self._in_head:
            if self.age >= limits.header_seconds:
                self._refuse(refusals.head_too_slow())
        elif self._idle() and self.age >= limits.idle_seconds:
            self.transport.close()

    def _idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def stop(self) -> None:
        """The worker ends: close when the answer in work is out."""
        if self._in_head:
            self.transport.close()
        else:
            self.shutdown()

    def abort(self) -> None:
        """Hang up without a word."""
        self.transport.abort()
