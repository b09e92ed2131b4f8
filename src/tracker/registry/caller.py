"""The other side of the office: how workers and commands call it."""

import asyncio
import socket
from pathlib import Path
from typing import Final

import msgspec

from tracker.errors import RequestRefused
from tracker.places import Places, short_path
from tracker.registry.calls import Asked, Call, Told
from tracker.wire import packed, receive

_SECONDS: Final = 30.0
_ANSWER_BYTES: Final = 64 << 20
"""A load of 4 MiB is told back with its parts, and each byte of them may be written as three."""


class CallRefused(RequestRefused):
    """The office refused a call; `told` is all that it said."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.status, told.code, told.message, told.field, told.retry)
        self.told = told


class Caller:
    """Calls the office, over a connection each; one waits while the store process starts again."""

    def __init__(self, places: Places, seconds: float = _SECONDS) -> None:
        self._places = places
        self._seconds = seconds

    async def ask(self, call: Call) -> Told:
        """The answer; raises `CallRefused`, and `RequestRefused` with 503 when there is none."""
        try:
            async with asyncio.timeout(self._seconds):
                told = await self._ask(call)
        except (OSError, EOFError, msgspec.MsgspecError):  # of time running out too
            raise RequestRefused(
                503, "unavailable", "The store process does not answer, so it is not known whether"
                " anything was changed; ask again.") from None
        if told.status >= 400:
            raise CallRefused(told)
        return told

    async def _ask(self, call: Call) -> Told:
        token = self._places.token.read_bytes()
        source, sink = await asyncio.open_unix_connection(sock=_connected(self._places.calls))
        try:
            sink.write(packed(Asked(token, call)))
            return await receive(source, Told, _ANSWER_BYTES)
        finally:
            sink.close()


def _connected(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    try:
        made.setblocking(False)
        with short_path(path) as short:
            made.connect(short)
    except BaseException:
        made.close()
        raise
    return made
