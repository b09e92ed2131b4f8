"""What visitors agreed to, as the query port tells it; a worker has no store of its own."""

import asyncio
import base64
import http.client
import time
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracker.errors import RequestRefused, TrackerError
from tracker.registry.mark import Mark
from tracker.settings import QuerySettings

CONCURRENT: Final = 2  # questions of one worker at once
WAITING: Final = 16  # that wait for their turn; behind them 503
SECONDS: Final = 5.0
FRESH_SECONDS: Final = 5.0
"""How long after an agreement an answer waits until all has landed."""
MOST_BYTES: Final = 1 << 20
MOST_CHARS: Final = 1_000

_FLUSH: Final = "SYSTEM FLUSH ASYNC INSERT QUEUE"
_ROWS: Final = (
    "SELECT * EXCEPT (ip, iphash, browser, sequencer, batch) FROM sfpla.agreements"
    " WHERE vid = {vid:String} AND ({oid:String} = '' OR oid = {oid:String})"
    " ORDER BY updated_at DESC, oid LIMIT 100 FORMAT JSON")
"""Without what tells of the visitor's device: whoever knows the id may ask."""


class AgreementsUnavailable(TrackerError):
    """Agreements cannot be read now; the message says why."""


class _Rows(msgspec.Struct):
    data: list[dict[str, Any]]


class Agreements:
    """Asks the query port of this tracker.

    `last` is when any worker took an agreement, in nanoseconds of the machine's steady clock.
    """

    def __init__(self, settings: QuerySettings, last: Mark) -> None:
        self._settings = settings
        self._last = last
        self._turns = asyncio.Semaphore(CONCURRENT)
        self._waiting = 0

    def noting(self, tracking: ASGIApp) -> ASGIApp:
        """The same application; what it is sent can be read at once by `of`."""
        return _Noting(self, tracking)

    def note(self) -> None:
        """An agreement came just now."""
        self._last.put(time.monotonic_ns())

    async def of(self, vid: str, oid: str) -> list[dict[str, Any]]:
        """The newest agreement of a visitor with each organisation; raises when it cannot be.

        Raises `RequestRefused` for names that are too long.
        """
        if self._settings.port is None:
            raise AgreementsUnavailable("Agreements are read by the query port, which is off:"
                                        " set QueryPort.")
        if len(vid) + len(oid) > MOST_CHARS:
            raise RequestRefused(400, "name_too_long", f"`vid` and `oid` may have {MOST_CHARS}"
                                 " characters.", "vid")
        if self._waiting >= WAITING:
            raise AgreementsUnavailable("Too many ask for agreements; ask again in a second.")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(self._ask, vid, oid)
        except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeError):
            raise AgreementsUnavailable("The query port does not answer; ask again in a second."
                                        ) from None
        finally:
            self._waiting -= 1

    def _ask(self, vid: str, oid: str) -> list[dict[str, Any]]:
        if abs(time.monotonic_ns() - self._last.read()) < FRESH_SECONDS * 1e9:
            self._query(_FLUSH, {})
        answer = self._query(_ROWS, {"param_vid": _escaped(vid), "param_oid": _escaped(oid)})
        return msgspec.json.decode(answer, type=_Rows).data

    def _query(self, sql: str, arguments: dict[str, str]) -> bytes:
        host, port = self._settings.host, self._settings.port
        connection = http.client.HTTPConnection(_reachable(host), port, timeout=SECONDS)
        try:
            connection.request("POST", "/?" + urlencode(arguments), sql, self._login())
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES + 1)
            if answer.status != 200 or len(body) > MOST_BYTES:
                raise http.client.HTTPException(answer.status)
            return body
        finally:
            connection.close()

    def _login(self) -> dict[str, str]:
        password = self._settings.password
        if not password:
            return {}
        login = base64.b64encode(f"default:{password}".encode()).decode()
        return {"Authorization": f"Basic {login}"}


class _Noting:
    """Passes requests on, and notes that they came."""

    def __init__(self, agreements: Agreements, tracking: ASGIApp) -> None:
        self._agreements = agreements
        self._tracking = tracking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; noted before its answer, behind which the client may ask at once."""
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._agreements.note()
            await send(message)

        await self._tracking(scope, receive, noted)


def _reachable(host: str) -> str:
    """An address to connect to; 0.0.0.0 and :: are all of this machine's."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here


def _escaped(value: str) -> str:
    """A value as ClickHouse takes parameters out of an URL."""
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
