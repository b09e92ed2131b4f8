"""The query process: an engine of its own over the store's tables, and the query port before it.

Whatever a query does to it, events land meanwhile: it has little right to the processor and none
to write; memory, time and stuck queries end it, and the supervisor starts it anew.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path
from typing import Final

import structlog

from tracker import __version__
from tracker.errors import StoreUnavailable
from tracker.logs import set_up_logs
from tracker.metrics import QueryCounts, QuerySnapshot, SnapshotFile, add
from tracker.places import Places
from tracker.query.endpoint import QueryEndpoint
from tracker.query.engine import Readable, Session
from tracker.query.link import Link
from tracker.settings import Settings
from tracker.stores.replica import Replica

_LOOK_SECONDS: Final = 1.0
_STUCK_SECONDS: Final = 10.0  # how long queries may go on that were told to end

log = structlog.get_logger("queries")


class Asking:
    """Wires the query process."""

    def __init__(self, settings: Settings, *, confined: bool) -> None:
        self._places = Places(settings.data_directory)
        self._confined = confined
        embedded = any(store.service == "chdb" for store in settings.stores)
        self.replica = Replica(self._places.engine, self._places.tables, self._places.replica,
                               settings.query.engine_bytes) if embedded else None
        tables: Readable = self.replica or _NoEngine()
        link = Link(Path(self._places.inside.name))  # relative to the working directory
        self.endpoint = QueryEndpoint(settings.query, tables, link)
        self._file = SnapshotFile(self._places.query, "query", __version__)
        previous = self._file.previous(QuerySnapshot)
        self._before = previous.counts if previous is not None else QueryCounts()
        self._stuck_since: float | None = None

    async def serve(self, sock: socket.socket, lifeline: int) -> None:
        """Answer until SIGTERM, or until the lifeline is cut."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_reader(lifeline, stop.set)
        looking = asyncio.create_task(self._keep_looking())
        serving = asyncio.create_task(self.endpoint.serve(sock))
        await stop.wait()
        loop.remove_reader(lifeline)
        await self.endpoint.stop()
        await serving
        looking.cancel()

    async def _keep_looking(self) -> None:
        while True:
            self._look(time.monotonic())
            await asyncio.sleep(_LOOK_SECONDS)

    def _look(self, now: float) -> None:
        """Tell how it stands, and end where only a new process helps."""
        counts = self.endpoint.counts
        with contextlib.suppress(OSError):  # a full disk: said by others
            self._file.write(QuerySnapshot(
                self._file.stamp(), add(self._before, QueryCounts(
                    counts.queries, counts.failed, counts.seconds)),
                counts.running, self._confined))
        if not counts.stuck:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        elif now - self._stuck_since > _STUCK_SECONDS:
            log.error("queries do not end when they are told to: starting anew",
                      stuck=counts.stuck)
            os._exit(os.EX_TEMPFAIL)
        if self.replica is not None and self.replica.changed():
            log.info("the tables are defined anew: starting anew")
            os._exit(os.EX_TEMPFAIL)


class _NoEngine:
    """Where no store is the embedded one."""

    def enter(self) -> None:
        raise StoreUnavailable("the config has no chdb service; name another store, as in"
                               " `tracker sql --store duckdb`")

    def leave(self) -> None:
        raise AssertionError

    def reader(self, settings: str) -> Session:
        raise AssertionError(settings)


def run(settings: Settings, sock: socket.socket, lifeline: int, *, confined: bool) -> None:
    """Be the query process until SIGTERM, or until the lifeline is cut."""
    set_up_logs(debug=settings.debug)
    if not confined:
        log.warning("this system has no Landlock: what keeps queries from files is the fence alone")
    os.chdir(Places(settings.data_directory).run)
    asking = Asking(settings, confined=confined)
    if asking.replica is not None:
        asking.replica.open()  # in this thread, where Python's signal handlers can be kept
    asyncio.run(asking.serve(sock, lifeline))
