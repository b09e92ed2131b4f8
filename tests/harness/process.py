"""A tracker as a process of its own, on free ports, in a folder of its own."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
STOP_SECONDS = 60.0


def free_port() -> int:
    """A port of the loopback address that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until `check` holds; fail saying `what` did not come true."""
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


class TrackerProcess:
    """Starts with `config` laid over a plain one; `start`, `kill`, `stop` as often as wanted."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.query_port = free_port()
        self.config: dict[str, Any] = {
            "ProxyExceptHTTP": f"127.0.0.1:{self.port}",
            "QueryPort": f"127.0.0.1:{self.query_port}",
            "Spool": {"SegmentBytes": 4 << 20},
            **config,
        }
        self.environment: dict[str, str] = {}  # laid over this process's own
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def start(self, *, wait: bool = True) -> "TrackerProcess":
        """Start it, and wait until it answers."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(self.config))
        log = (self.folder / "log").open("ab")
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "tracker", str(path)], cwd=self.folder, stdout=log,
            stderr=log, env={**os.environ, **self.environment})
        log.close()
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until the edge answers and all stores take rows."""
        try:
            eventually(self._is_ready, seconds, "tracker is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; log: {self.log()[-3000:]}") from None

    def _is_ready(self) -> bool:
        if self.child is not None and self.child.poll() is not None:
            raise AssertionError(f"ended with {self.child.returncode}: {self.log()[-3000:]}")
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            health = self.health()
            return bool(health["stores"]) and all(
                store["reachable"] for store in health["stores"].values())
        return False

    def log(self) -> str:
        """What it printed so far."""
        return (self.folder / "log").read_text(errors="replace")

    def processes(self) -> list[int]:
        """The supervisor and its children, workers first."""
        if self.child is None:
            return []
        path = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        children = path.read_text().split() if path.exists() else []
        return [self.child.pid, *map(int, children)]

    def kill(self) -> None:
        """kill -9 of every process at once."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.child is not None:
            self.child.wait(STOP_SECONDS)
            self.child = None

    def stop(self) -> int:
        """SIGTERM; gives back the exit status."""
        if self.child is None:
            return 0
        self.child.send_signal(signal.SIGTERM)
        status = self.child.wait(STOP_SECONDS)
        self.child = None
        return status

    def request(self, method: str, path: str, body: bytes | str | None = None,
                headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = body.encode() if isinstance(body, str) else body
            connection.request(method, path, content, headers or {})
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, fields, answer.read()
        finally:
            connection.close()

    def post(self, event: Any, path: str = "/tr/v1/tr/", **headers: str) -> int:
        """POST JSON; gives back the status."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, json.dumps(event),
                            {"Content-Type": "application/json", **fields})[0]

    def health(self) -> dict[str, Any]:
        """What /health says."""
        status, _, body = self.request("GET", "/health")
        said = dict(json.loads(body))
        if "stores" not in said:
            raise AssertionError(f"/health: {status}, {said}; log: {self.log()[-2000:]}")
        return said

    def metric(self, sample: str) -> float:
        """The value of one line of /metrics, as `name{label="value"}`."""
        text = self.request("GET", "/metrics")[2].decode()
        return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                    if line.startswith(f"{sample} "))

    def sql(self, query: str, **params: str) -> list[dict[str, Any]]:
        """Rows of the embedded store."""
        return self._ask(query, {f"param_{name}": value for name, value in params.items()})

    def sql_of(self, store: str, query: str) -> list[dict[str, Any]]:
        """Rows of another store, asked through the tracker."""
        return self._ask(query, {"store": store})

    def _ask(self, query: str, more: dict[str, str]) -> list[dict[str, Any]]:
        fields = {"default_format": "JSONEachRow", **more}
        url = f"http://127.0.0.1:{self.query_port}/?{urllib.parse.urlencode(fields)}"
        request = urllib.request.Request(url, data=query.encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return [json.loads(line) for line in answer.read().splitlines()]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}\n{error.read().decode()}") from error

    def value(self, query: str, **params: str) -> Any:
        """The first column of the first row."""
        return next(iter(self.sql(query, **params)[0].values()))

    def flush(self) -> None:
        """Wait until everything acknowledged is in the embedded store."""
        self.sql("SYSTEM FLUSH ASYNC INSERT QUEUE")


@contextlib.contextmanager
def running(folder: Path, **config: Any) -> Iterator[TrackerProcess]:
    """A started tracker that is ended in any case."""
    tracker = TrackerProcess(folder, **config)
    try:
        yield tracker.start()
    finally:
        if tracker.child is not None:
            tracker.kill()


def account(tracker: TrackerProcess, *words: str, said: str = "") -> str:
    """What `tracker account` with these words says."""
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "account", *words, "--config",
         str(tracker.folder / "config.json")], input=said, capture_output=True, text=True,
        timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()
