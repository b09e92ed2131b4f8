"""Starts the processes, starts again those that die, stops them in order."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import structlog

from tracker.banner import banner
from tracker.child import Task, start
from tracker.durable import Files, write_file
from tracker.errors import ConfigError, TrackerError
from tracker.logs import set_up_logs
from tracker.ownlogs.keeper import Keeper
from tracker.places import Places, short_path
from tracker.settings import Listener, Settings

_STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_SIGNALS = frozenset({signal.SIGCHLD, *_STOP})
_LOOK_SECONDS = 1.0
_STEADY_SECONDS = 30.0  # whoever ran this long is started again at once
_LONGEST_PAUSE = 5.0
_LOCK_SECONDS = 30.0
_BACKLOG = 4096
_TOKEN_BYTES = 32
_SILENT_SECONDS = 60.0  # a process that tells nothing of itself for so long hangs

log = structlog.get_logger("supervisor")


@dataclass(slots=True)
class _Process:
    """One process that is to run, and when it may start next (monotonic seconds)."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    told: Path  # the file that it writes each second
    most_bytes: int | None = None  # of memory; beyond, it is killed
    child: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    next_start: float = 0.0
    pause: float = 0.0
    written: int = 0  # when `told` was written, by the system's clock, which may jump
    heard: float = 0.0  # when that changed (monotonic seconds)

    def look(self, now: float) -> None:
        """Start it if it does not run and its pause is over."""
        if self.child is not None and self.child.poll() is not None:
            self._died(now, self.child.returncode)
        elif self.child is not None and self._is_silent(now):
            log.error("process hangs, killing it", process=self.name)
            self.child.kill()
        elif self.child is not None and self.most_bytes is not None \
                and (used := _resident(self.child.pid)) > self.most_bytes:
            log.error("process has too much memory, killing it", process=self.name, bytes=used)
            self.child.kill()
        if self.child is None and now >= self.next_start:
            self._launch(now)

    def _is_silent(self, now: float) -> bool:
        try:
            written = self.told.stat().st_mtime_ns
        except OSError:  # no snapshot: it starts, or the disk is full
            return False
        if written != self.written:
            self.written, self.heard = written, now
        return now - max(self.heard, self.started) > _SILENT_SECONDS

    def _launch(self, now: float) -> None:
        self.started = now
        try:
            self.child = self.launch()
        except OSError as error:  # no memory, no process, no descriptor: try again later
            self._died(now, error.strerror)

    def _died(self, now: float, code: int | str | None) -> None:
        self.pause = 0.1 if now - self.started > _STEADY_SECONDS else min(
            max(self.pause * 2, 0.1), _LONGEST_PAUSE)
        self.next_start = now + self.pause
        self.child = None
        if code == os.EX_TEMPFAIL:  # its own wish, and it has said why
            log.info("starting a process again", process=self.name)
        else:
            log.error("process died, starting it again", process=self.name, code=code,
                      seconds=round(self.pause, 1))

    def signal(self, number: int) -> None:
        """Send a signal if it runs."""
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)

    def wait(self, until: float) -> None:
        """Wait for its end, then end it."""
        if self.child is None:
            return
        try:
            self.child.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            log.warning("process did not stop in time", process=self.name)
            self.child.kill()
            self.child.wait()


@dataclass(slots=True)
class _Sockets:
    """Bound once here, so that connections wait while a worker starts again."""

    workers: list[list[tuple[Listener, socket.socket]]] = field(default_factory=list)
    query: socket.socket | None = None
    inside: socket.socket | None = None  # where the query process asks the store process
    calls: socket.socket | None = None  # where workers and commands call the registry's writer

    def resolved(self, settings: Settings) -> Settings:
        """The settings with the ports that were got where a free one was asked for."""
        listeners = tuple(replace(listener, port=bound.getsockname()[1])
                          for listener, bound in self.workers[0])
        port = self.query.getsockname()[1] if self.query else None
        return replace(settings, listeners=listeners, query=replace(settings.query, port=port))


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; gives back the exit status."""
    set_up_logs(debug=settings.debug)
    settings.data_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _lock(settings.data_directory, settings.stop_seconds + _LOCK_SECONDS)
    sockets = _bind(settings)
    places = Places(settings.data_directory)
    shutil.rmtree(places.run, ignore_errors=True)
    places.run.mkdir(mode=0o700, exist_ok=True)
    write_file(Files(), places.token, secrets.token_bytes(_TOKEN_BYTES))
    sockets.calls = _listen_inside(places.calls)
    if sockets.query is not None:
        sockets.inside = _listen_inside(places.inside)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    running = sockets.resolved(settings)
    keeper = None  # of warnings; begun behind the signals, which are no thread's to take
    if settings.own_logs is not None:
        keeper = Keeper(settings.data_directory, settings.spool)
        keeper.start(settings.own_logs)
    processes = _processes(running, sockets, lock, keeper.pipe if keeper else None)
    for process in processes:
        process.look(time.monotonic())
    print(banner(settings, running), flush=True)
    _watch(processes)
    _stop(processes, settings.stop_seconds)
    if keeper is not None:
        keeper.stop()
    return 0


def _lock(directory: Path, seconds: float) -> int:
    """One tracker per data directory; children hold the lock too until they have ended."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + seconds
    said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TrackerError(
                    f"another tracker uses {directory}: stop it, or set another DataDirectory"
                ) from None
            if not said:
                print(f"waiting for another tracker to let go of {directory} …",
                      file=sys.stderr, flush=True)
                said = True
            time.sleep(0.1)
        else:
            return descriptor


def _bind(settings: Settings) -> _Sockets:
    """One socket per worker and listener, all of the same port."""
    sockets = _Sockets([[] for _ in range(settings.workers)])
    for listener in settings.listeners:
        port = listener.port
        if port:
            _listen(listener.host, port, shared=False).close()  # else it is shared unnoticed
        for worker in sockets.workers:
            bound = _listen(listener.host, port, shared=True)
            port = bound.getsockname()[1]
            worker.append((listener, bound))
    if settings.query.port is not None:
        sockets.query = _listen(settings.query.host, settings.query.port, shared=False)
    return sockets


def _listen(host: str, port: int, *, shared: bool) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what uses it, or change"
            " the address in the configuration") from error
    return bound


def _listen_inside(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    with short_path(path) as short:
        bound.bind(short)
    bound.listen()
    return bound


def _resident(pid: int) -> int:
    """Bytes of memory that a process has to itself; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGESIZE")
    return 0


def _processes(settings: Settings, sockets: _Sockets, lock: int, telling: int | None
               ) -> list[_Process]:
    """The store process last: it stops when all others have."""
    def process(task: Task, folder: Path, most_bytes: int | None = None) -> _Process:
        task = replace(task, telling=telling)
        return _Process(task.name, partial(_start, task, lock), folder / f"{task.name}.json",
                        most_bytes)

    places, query = Places(settings.data_directory), settings.query
    found = [process(Task(settings, "edge", index,
                          tuple((listener, bound.fileno()) for listener, bound in own)), places.run)
             for index, own in enumerate(sockets.workers)]
    if sockets.query is not None:
        found.append(process(Task(settings, "query", socket=sockets.query.fileno()), places.query,
                             query.engine_bytes + query.beside_bytes))
    inside = sockets.inside.fileno() if sockets.inside is not None else None
    calls = sockets.calls.fileno() if sockets.calls is not None else None
    return [*found, process(Task(settings, "store", socket=inside, calls=calls), places.run)]


def _start(task: Task, lock: int) -> subprocess.Popen[bytes]:
    return start(task, [lock])


def _watch(processes: list[_Process]) -> None:
    while True:
        got = signal.sigtimedwait(_SIGNALS, _LOOK_SECONDS)
        # Continued after a pause longer than the wait, it gives a signal number that means nothing.
        if got is not None and got.si_signo in _STOP:
            return
        for process in processes:
            process.look(time.monotonic())


def _stop(processes: list[_Process], seconds: float) -> None:
    """Workers answer what is in flight, then the store process seals and lands what is synced."""
    until = time.monotonic() + seconds
    *others, store = processes
    for group in (others, [store]):
        for process in group:
            process.signal(signal.SIGTERM)
        for process in group:
            process.wait(until)
