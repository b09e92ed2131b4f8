"""What visitors agreed to, as the query port tells it; a worker has no store of its own."""

import asyncio
import base64
import http.client
import time
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from tracker.errors import TrackerError
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
    """Asks the query port of this tracker."""

    def __init__(self, settings: QuerySettings) -> None:
        self._settings = settings
        self._turns = asyncio.Semaphore(CONCURRENT)
        self._waiting = 0
        self._agreed = float("-inf")

    def noting(self, tracking: ASGIApp) -> ASGIApp:
        """The same application; what it is sent can be read at once by `of`."""
        return _Noting(self, tracking)

    def note(self) -> None:
        """An agreement came just now."""
        self._agreed = time.monotonic()

    async def of(self, vid: str, oid: str) -> list[dict[str, Any]]:
        """The newest agreement of a visitor with each organisation; raises when it cannot be."""
        if not self._settings.port:
            raise AgreementsUnavailable("Agreements are read by the query port, which is off:"
                                        " set QueryPort.")
        if self._waiting >= WAITING or len(vid) + len(oid) > MOST_CHARS:
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
        if time.monotonic() - self._agreed < FRESH_SECONDS:
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
        """Answer one request."""
        await self._tracking(scope, receive, send)
        self._agreements.note()


def _reachable(host: str) -> str:
    """An address to connect to; 0.0.0.0 and :: are all of this machine's."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here


def _escaped(value: str) -> str:
    """A value as ClickHouse takes parameters out of an URL."""
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
