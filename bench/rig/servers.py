"""The servers that are measured: the tracker, and those it is compared with."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bench.rig import procs

START_SECONDS = 60.0
STOP_SECONDS = 40.0
_LOOK_SECONDS = 0.01
_TOLD_SECONDS = 2.0
_DIED = "process died"  # what the supervisor says of a child


class ServerFailed(Exception):
    """A server did not do what was asked; the message holds what it printed last."""


class Server(Protocol):
    """What a load needs to know of a running server."""

    url: str

    def processes(self) -> dict[str, int]:
        """Its processes by name."""
        ...


def free_port() -> int:
    """A port of the loopback address that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as `check` holds; raise `ServerFailed` after `seconds`."""
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            raise ServerFailed(f"not within {seconds:g} s: {what}")
        time.sleep(_LOOK_SECONDS)


def end(child: "subprocess.Popen[bytes]") -> None:
    """Ask a child to stop; kill it and what it started when it does not."""
    family = procs.family(child.pid)
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.wait()


class Tracker:
    """A tracker with a folder of its own, one worker, and the embedded store."""

    def __init__(self, folder: Path, **config: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.query_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = {
            "ProxyExceptHTTP": f"127.0.0.1:{self.port}",
            "QueryPort": f"127.0.0.1:{self.query_port}", "Workers": 1, **config}
        self._child: subprocess.Popen[bytes] | None = None
        self._made = 0  # events that `fill` put into the store
        self._before = 0.0

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def start(self, *, wait: bool = True) -> "Tracker":
        """Start it; returns when it and its store are ready, unless told not to wait."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(self._config))
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tracker", str(path)], cwd=self.folder, stdout=log,
                stderr=log)
        if wait:
            try:
                wait_until(self.ready, START_SECONDS, "the tracker is ready")
            except ServerFailed as failure:
                said = self.log()
                self.discard()
                raise ServerFailed(f"{failure}; it said: {said}") from None
        return self

    def ready(self) -> bool:
        """Whether it answers and its store takes rows."""
        self.require_life()
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            stores = self.health()["stores"].values()
            return bool(stores) and all(store["reachable"] for store in stores)
        return False

    def require_life(self) -> None:
        """Raise when it has ended, or when one of its processes had to be started again."""
        if self._child is None or self._child.poll() is not None:
            raise ServerFailed("the tracker ended")
        if _DIED in (self.folder / "log").read_text(errors="replace"):
            raise ServerFailed("a process of the tracker died")

    def fill(self, rows: int) -> bool:
        """Make its store hold at least so many events, while it is stopped; it starts anew.

        Whatever it accepted must have landed before. Its counts begin again. False when there
        were as many and nothing was done.
        """
        if int(self.sql("SELECT count() FROM sfpla.events")[0][0]) >= rows:
            return False
        landed = max(self.landed_in_each())  # a store goes on with its count, the workers do not
        self.stop()
        done = subprocess.run(
            [sys.executable, "-m", "bench.rig.fill", str(self.data / "chdb"), str(rows)],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerFailed(f"filling the store: {done.stderr.strip()[-1000:]}")
        self._made = int(done.stdout.split()[-1])
        self._before = landed
        self.start()
        return True

    def stop(self) -> None:
        """Stop it; what is not landed stays in its folder."""
        if self._child is not None:
            end(self._child)
            self._child = None

    def discard(self) -> None:
        """Kill it, landed or not, and remove its folder."""
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._child is not None:
            self._child.wait()
            self._child = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What it printed last."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def processes(self) -> dict[str, int]:
        """Its processes by name, as their snapshots give it, and the supervisor."""
        if self._child is None:
            return {}
        found = {"supervisor": self._child.pid}
        for path in sorted((self.data / "run").rglob("*.json")):
            stamp = json.loads(path.read_text())["stamp"]
            found[stamp["process"]] = stamp["pid"]
        return found

    def family(self) -> list[int]:
        """All its processes."""
        return procs.family(self._child.pid) if self._child else []

    def health(self) -> dict[str, Any]:
        """What /health says."""
        with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def sql(self, query: str, seconds: float = 60.0) -> list[list[Any]]:
        """Rows of the embedded store."""
        url = f"http://127.0.0.1:{self.query_port}/?" + urllib.parse.urlencode(
            {"default_format": "JSONCompactEachRow"})
        request = urllib.request.Request(url, data=query.encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return [json.loads(line) for line in answer.read().splitlines()]
        except urllib.error.HTTPError as error:
            raise ServerFailed(f"{query}: {error.read().decode(errors='replace')}") from error

    def metrics(self) -> dict[str, float]:
        """What /metrics says, by name."""
        return samples(self._exposition())

    def landed_in_each(self) -> list[float]:
        """Events landed in each store since `fill`, by its own count; empty until one has begun."""
        return [landed - self._before for landed in
                series(self._exposition(), "tracker_events_landed_total")]

    def _exposition(self) -> str:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def accepted(self) -> int:
        """Events durable so far, by the workers' own count; nothing may be on its way.

        Whichever worker is asked knows of the others what they told it last, once a second.
        """
        if self._config["Workers"] > 1:
            time.sleep(_TOLD_SECONDS)
        return int(self.metrics()["tracker_spool_events_total"])

    def landed(self) -> int:
        """How many events can be queried, those not counted that `fill` made."""
        return int(self.sql("SELECT count() FROM sfpla.events")[0][0]) - self._made


def samples(exposition: str) -> dict[str, float]:
    """Every sample of a Prometheus text by name, the sum where labels part it."""
    found: dict[str, float] = {}
    for line in exposition.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name = series.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def series(exposition: str, name: str) -> list[float]:
    """The value of each series of one metric in a Prometheus text."""
    return [float(line.rpartition(" ")[2]) for line in exposition.splitlines()
            if line.startswith((f"{name}{{", f"{name} "))]
