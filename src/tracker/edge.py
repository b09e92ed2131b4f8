"""A worker process: listens, accepts, makes durable, answers."""

import asyncio
import contextlib
import math
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar, TypeVarTuple

import structlog
import uvloop

from tracker import __version__
from tracker.door.door import Door
from tracker.door.handover import Application
from tracker.door.secure import SecureTransport
from tracker.durable import usage
from tracker.errors import ConfigError
from tracker.geoip.asked import Asked
from tracker.intake import Intake
from tracker.intake.ticks import new_tail
from tracker.jurisdictions import Jurisdictions
from tracker.logs import set_up_logs
from tracker.machine import calm_gc, leave_last_core
from tracker.metrics import (
    EdgeCounts,
    EdgeSnapshot,
    Histogram,
    SnapshotFile,
    SpoolCounts,
    add,
    read_store,
)
from tracker.places import Places
from tracker.registry.book import Book
from tracker.registry.caller import Caller
from tracker.registry.mark import Mark
from tracker.settings import Listener, Settings
from tracker.spool.writer import Spool
from tracker.web.agreements import Agreements
from tracker.web.app import Overview, application, redirect_application
from tracker.web.laws import Laws
from tracker.web.ppi import Ppi

SWITCH_SECONDS = 0.0005
LOOK_SECONDS = 1.0
START_SECONDS = 30.0
"""How long what has not told of itself yet counts as starting, and then as away."""

_LONGEST_MILLISECONDS = 2**31 - 1  # the option is a C int
BACKLOG = 4096
GC_YOUNG = 50_000
"""Objects between two looks of the garbage collector; the hot path leaves no cycles."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = structlog.get_logger("tracker.edge")


def run(settings: Settings, index: int, sockets: list[tuple[Listener, socket.socket]],
        parent_pipe: int) -> None:
    """Be worker `index` until SIGTERM, SIGINT, or the end of the file at `parent_pipe`."""
    set_up_logs(debug=settings.debug)
    leave_last_core(settings.workers)
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Edge(settings, index).serve(sockets, parent_pipe))


class Edge:
    """Wires one worker."""

    def __init__(self, settings: Settings, index: int) -> None:
        self.settings = settings
        run_directory = settings.data_directory / "run"
        self._file = SnapshotFile(run_directory, f"w{index}", __version__)
        previous = self._file.previous(EdgeSnapshot)
        self._before = previous.counts if previous is not None else None
        self.born = time.monotonic()
        self._index = index
        self.budget = settings.spool.bytes
        self._run = run_directory
        self._supervisor = os.getppid()
        self._looker = ThreadPoolExecutor(1, "edge-look")

    async def serve(self, sockets: list[tuple[Listener, socket.socket]], parent_pipe: int) -> None:
        """Serve until told to stop."""
        await self.start(sockets)
        calm_gc(GC_YOUNG)
        await stop_signal(asyncio.get_running_loop(), parent_pipe)
        await self.stop()

    async def start(self, sockets: list[tuple[Listener, socket.socket]]) -> None:
        """Open the spool, then the door."""
        loop = asyncio.get_running_loop()
        settings = self.settings
        places = Places(settings.data_directory)
        self.book = Book(places.registry, Mark(places.mark))
        self.book.refresh()
        intake = Intake(settings.intake, new_tail(), links=self.book)
        self.door = Door(settings.door, intake, settings.intake.api_version, loop)
        self.spool = Spool(settings.data_directory / "spool" / f"w{self._index}", settings.spool,
                           self.door.deliver, soon=loop.call_soon)
        self.spool.open()
        overview = Overview(self._run, self._supervisor, settings.workers,
                            tuple(store.name for store in settings.stores), self.snapshot,
                            settings.query.port is not None, self._is_starting)
        asked = Asked(Places(settings.data_directory).geo) if settings.geo is not None else None
        ppi = Ppi(intake, asked, Jurisdictions(settings.jurisdictions),
                  Agreements(settings.query, Mark(self._run / "agreed")),
                  Laws(self.door, settings.data_directory, intake.stamp))
        app = application(self.door, intake, settings.intake, overview, time.time, ppi,
                          Caller(places))
        self.door.furnish(self.spool, Application(app, settings.door.idle_seconds))
        await self.look()
        self._servers = [await self._listen(loop, *pair) for pair in sockets]
        self._looking = asyncio.create_task(self._keep_looking())

    async def _listen(self, loop: asyncio.AbstractEventLoop, listener: Listener,
                      sock: socket.socket) -> asyncio.Server:
        sock.setblocking(False)
        if sys.platform == "linux":  # a deaf client's answers wait in the system as well: tcp(7)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(
                math.ceil(self.settings.door.write_seconds * 1000), _LONGEST_MILLISECONDS))
        factory: Callable[[], asyncio.Protocol] = partial(self.door.connection, listener.tls)
        if listener.redirect_to_port is not None:
            redirect = Application(redirect_application(listener.redirect_to_port),
                                   self.settings.door.idle_seconds)
            factory = partial(redirect.protocol, self.door)
        if listener.tls:
            context = tls_context(self.settings)
            return await loop.create_server(
                lambda: SecureTransport(context, self.door, factory), sock=sock, backlog=BACKLOG)
        return await loop.create_server(factory, sock=sock, backlog=BACKLOG)

    async def stop(self) -> None:
        """Accept nothing more, answer what is in flight, close the spool."""
        self._looking.cancel()
        for server in self._servers:
            server.close()
        await self.door.stop(self.settings.stop_seconds * 0.8)
        await asyncio.sleep(0)  # what was appended last is handed to the spool's thread
        await asyncio.to_thread(self.spool.close)
        self.book.close()
        await self._aside(self._file.write, self.snapshot())
        self._looker.shutdown()

    # Once a second.

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as error:
                self.door.failed(error)

    async def look(self) -> None:
        """Mind the disk's budget, and tell the others how it stands.

        In a thread of its own: a name that is given or taken waits while the file system's journal
        is being written, and no answer shall wait for that.
        """
        if self.spool.is_broken:
            os._exit(1)  # the log says why; a new process answers again within a second
        self.book.look()
        self.spool.block(await self._aside(self._spent))
        with contextlib.suppress(OSError):  # a full disk: the spool says so
            await self._aside(self._file.write, self.snapshot())

    async def _aside(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Call something that may wait for the disk; one call after another."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._looker, function, *arguments)

    def _spent(self) -> str | None:
        """Why nothing more may be accepted: the budget of the disk, or the store process says."""
        data = self.settings.data_directory
        used = usage(data / "spool") + usage(data / "batches")
        if used > self.budget:
            return f"the spool's budget of {self.budget} bytes is spent"
        store = read_store(self._run, self._supervisor)
        return store.blocked if store is not None else None

    def _is_starting(self) -> bool:
        """Whether the tracker was started just now; not where this worker alone was, again."""
        return self._before is None and time.monotonic() - self.born < START_SECONDS

    def snapshot(self) -> EdgeSnapshot:
        """This worker as it is now."""
        stats = self.spool.stats
        counts = EdgeCounts(
            self.door.counts(stats.events),
            SpoolCounts(stats.records, stats.events, stats.bytes, stats.groups, stats.errors,
                        Histogram(list(stats.sync_buckets), stats.sync_seconds)))
        if self._before is not None:
            counts = add(self._before, counts)
        return EdgeSnapshot(self._file.stamp(), counts, self.door.connections,
                            self.spool.pending_bytes, self.spool.refusal)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS with the configured certificate."""
    if settings.tls_certificate is None:
        raise ConfigError("a TLS listener needs a certificate: set TLSCert and TLSKey")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context


async def stop_signal(loop: asyncio.AbstractEventLoop, parent_pipe: int) -> None:
    """Return at SIGTERM or SIGINT, or when the supervisor is gone."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def readable() -> None:
        if not os.read(parent_pipe, 4096):
            loop.remove_reader(parent_pipe)
            stop.set()

    loop.add_reader(parent_pipe, readable)
    await stop.wait()
