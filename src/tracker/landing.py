"""The store process: sequencer, a courier per store, embedded engine."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog

from tracker import __version__
from tracker.batch import Manifest
from tracker.batches.changes import Changes
from tracker.batches.deadletters import DeadLetters
from tracker.batches.files import BatchFiles
from tracker.batches.gate import EidGate
from tracker.batches.identity import identity
from tracker.batches.sequencer import Sequencer
from tracker.delivery.courier import Courier
from tracker.delivery.cursor import Cursor
from tracker.delivery.report import Report
from tracker.delivery.retention import Retention
from tracker.errors import SpoolUnavailable, StoreUnavailable, TrackerError
from tracker.geoip.keeper import Keeper
from tracker.logs import set_up_logs
from tracker.machine import calm_gc
from tracker.metrics import SnapshotFile
from tracker.places import Places
from tracker.query.inside import Inside
from tracker.refine.refinery import Refinery
from tracker.registry.office import Office, closed
from tracker.settings import Settings
from tracker.spool.reserve import Reserve
from tracker.stores import open_engine, open_store
from tracker.stores.base import Reader

_TIDY_SECONDS = 1.0
_RESERVE_SHARE = 0.05
GC_YOUNG = 400_000  # more than the values of a batch come to, which go again with it
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

log = structlog.get_logger("landing")


class Landing:
    """Wires the store process. `start` its threads, `stop` them in order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        data = settings.data_directory
        who = identity(data / "batches")
        self.files = BatchFiles(data / "batches")
        self.files.open()
        newest = self.files.newest.n if self.files.newest else 0
        self.dead = DeadLetters(data / "dead")
        self.dead.open(newest)
        self.gate = EidGate(data / "batches", who.gate_keys, settings.batches.eid_days,
                            settings.batches.eid_entries)
        self.gate.open(newest)
        self.changes = Changes(Places(data).registry, data / "spool", settings.spool)
        self.reserve = Reserve(data / "reserve", int(settings.spool.bytes * _RESERVE_SHARE))
        self.engine = open_engine(settings)
        self._news = threading.Event()  # to be told now, not with the next second
        self.couriers = tuple(
            Courier(open_store(store, data, self.engine), self.files,
                    Cursor(data / "cursors" / f"{store.name}.json", who.sequencer,
                           min(self.files.kept(), default=newest + 1)),
                    self.dead, self._news.set)
            for store in settings.stores)
        self.geo = Keeper(settings.geo, Places(data).geo, debug=settings.debug) \
            if settings.geo is not None else None
        self.sequencer = Sequencer(
            who.sequencer, data / "spool", self.files, self.gate, self.dead,
            Refinery(settings.refine, self.geo), settings.batches, self._versions,
            on_sealed=self._sealed, on_disk_error=self._disk_error, is_idle=self._is_idle)
        self.retention = Retention(
            self.files, self.couriers,
            frozenset(store.name for store in settings.stores if store.critical),
            settings.spool, data / "spool")
        self.logins: Counter[str] = Counter()  # replaced by the registry's writer's
        self.registry_error: str | None = None
        self._changes_wait: str | None = None
        self._stop_sealing = threading.Event()
        self._stop_carrying = threading.Event()
        self._stop_tidying = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start all threads."""
        report = Report(SnapshotFile(self.settings.data_directory / "run", "store", __version__),
                        self.sequencer, self.couriers, self.files, self.gate,
                        self.retention, lambda: dict(self.logins),
                        lambda: self.registry_error or self._changes_wait)
        self._sequencing = self._thread("sequencer", self.sequencer.run, self._stop_sealing)
        for courier in self.couriers:
            self._thread(courier.store.name, courier.run, self._stop_carrying)
        self._tidying = self._thread("tidy", self._tidy, report)
        if self.geo is not None:
            self._thread("places", self.geo.run, self._stop_tidying)

    def stop(self) -> None:
        """Seal what is synced, land it if the stores take it in time, end all threads."""
        until = time.monotonic() + self.settings.stop_seconds * 0.8
        self._carry_changes()
        self._stop_sealing.set()
        self._sequencing.join(max(until - time.monotonic(), 0))
        newest = self.files.newest.n if self.files.newest else 0
        for courier in self.couriers:
            if courier.state.reachable:  # never wait for a store that is away
                courier.wait_for(newest, max(until - time.monotonic(), 0))
        self._stop_carrying.set()
        self._stop_tidying.set()
        self._news.set()
        for courier in self.couriers:
            courier.wake()
        for thread in self._threads:
            thread.join(max(until + 2 - time.monotonic(), 0))

    async def flush(self, seconds: float) -> None:
        """Return when all that is acknowledged now is in the store that queries ask.

        Raises `TimeoutError` after `seconds`.
        """
        until = time.monotonic() + seconds
        async with asyncio.timeout(seconds):
            await asyncio.to_thread(self._carry_changes)
            n = await asyncio.wrap_future(self.sequencer.flush())
        left = max(until - time.monotonic(), 0)
        if not await asyncio.to_thread(self._asked().wait_for, n, left):
            raise TimeoutError

    def _carry_changes(self) -> None:
        """Links that were changed are rows too; what cannot go out now does so later."""
        said = None
        try:
            self.changes.carry()
        except (sqlite3.Error, SpoolUnavailable, OSError) as error:
            said = str(error)
            if said != self._changes_wait:
                log.error("changes of short URLs wait", error=said)  # noqa: TRY400 - no trace needed
        self._changes_wait = said

    def _asked(self) -> Courier:
        """The embedded engine's courier, else that of the first store."""
        services = {store.name: store.service for store in self.settings.stores}
        embedded = (c for c in self.couriers if services[c.store.name] == "chdb")
        return next(embedded, self.couriers[0])

    def _is_idle(self) -> bool:
        """Whether any store has landed all that is sealed, so that it could take more at once."""
        newest = self.files.newest.n if self.files.newest else 0
        return any(courier.cursor.landed >= newest for courier in self.couriers)

    def _versions(self) -> dict[str, str]:
        """What had a part in a batch that was just refined."""
        places = {} if self.geo is None or not self.geo.used else {"places": self.geo.used}
        return {"code": __version__, **places}

    def _sealed(self, _: Manifest) -> None:
        for courier in self.couriers:
            courier.wake()

    def _disk_error(self, error: OSError) -> None:
        """On a full disk the reserve is let go, so that landing can free what is sealed."""
        if error.errno in _DISK_FULL:
            self.reserve.free()

    def _tidy(self, report: Report) -> None:
        while True:
            self._news.wait(_TIDY_SECONDS)
            self._news.clear()
            if self._stop_tidying.is_set():
                return
            self._carry_changes()
            with contextlib.suppress(OSError):  # a full disk: said by the sequencer already
                self.reserve.hold()
                now = time.time_ns()
                self.retention.tidy(now)
                self.dead.expire(now, self.settings.batches.dead_letter_days)
            with contextlib.suppress(OSError):
                report.write()

    def _thread(
        self, name: str, run: Callable[..., object], *arguments: object,
    ) -> threading.Thread:
        """A thread whose unexpected end ends the process: the supervisor starts it anew."""
        def guarded() -> None:
            try:
                run(*arguments)
            except BaseException:
                log.exception("thread died", thread=name)
                os._exit(1)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread


def run(settings: Settings, inside: socket.socket | None, calls: socket.socket | None,
        lifeline: int) -> None:
    """Be the store process until SIGTERM, or until the lifeline is cut.

    `inside` listens for what the query process asks, `calls` for those of the registry.
    """
    set_up_logs(debug=settings.debug)
    try:
        landing = Landing(settings)
    except TrackerError as error:  # said in words; the supervisor tries again
        log.error("the store process cannot start", error=str(error))  # noqa: TRY400 - no trace needed
        raise SystemExit(1) from None
    if landing.engine is not None:
        with contextlib.suppress(StoreUnavailable, OSError):  # its courier tries again, and says so
            landing.engine.open()  # in this thread, where Python's signal handlers can be kept
    calm_gc(GC_YOUNG)
    asyncio.run(_serve(landing, inside, calls, lifeline))


def _office(landing: Landing) -> Office | None:
    """The registry's writer; None where its file cannot be used: events land without it."""
    settings = landing.settings
    try:
        places = Places(settings.data_directory)
        office = Office(places, settings.intake, places.token.read_bytes())
    except (TrackerError, OSError) as error:
        landing.registry_error = str(error)
        log.error("no accounts and no short URLs can be changed", error=str(error))  # noqa: TRY400 - no trace needed
        return None
    landing.logins = office.logins
    return office


async def _serve(landing: Landing, inside: socket.socket | None, calls: socket.socket | None,
                 lifeline: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(lifeline, stop.set)
    landing.start()
    readers = {courier.store.name: courier.store for courier in landing.couriers
               if isinstance(courier.store, Reader)}
    asked = Inside(landing.flush, readers)
    server = await asyncio.start_unix_server(asked.answer, sock=inside) if inside else None
    office = _office(landing)
    taking = await asyncio.start_unix_server(
        office.answer if office is not None else closed, sock=calls) if calls else None
    await stop.wait()
    loop.remove_reader(lifeline)
    for listening in (server, taking):
        if listening is not None:
            listening.close()
    asked.close()
    if office is not None:
        office.close()
    await asyncio.to_thread(landing.stop)
