"""What attacks need: raw requests, the memory of processes, small disks, counts of all stores."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.process import TrackerProcess, eventually
from harness.worker import Client, Response

DERIVED = ("hits", "ips", "reqs", "dailies", "referrers")
AGENT = "attacker/1.0"


def raw(method: str, target: str | bytes, body: bytes = b"", *headers: str | bytes,
        version: str = "1.1", length: bool = True) -> bytes:
    """One request as bytes."""
    path = target.encode() if isinstance(target, str) else target
    lines = [b"%b %b HTTP/%b" % (method.encode(), path, version.encode()), b"Host: tracker.test",
             f"User-Agent: {AGENT}".encode()]
    lines += [line.encode() if isinstance(line, str) else line for line in headers]
    if length and (body or method == "POST"):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def post(body: bytes | str, *headers: str, target: str = "/tr/v1/tr/") -> bytes:
    """A POST of JSON."""
    content = body.encode() if isinstance(body, str) else body
    return raw("POST", target, content, "Content-Type: application/json", *headers)


def chunked(pieces: list[bytes], *headers: str, target: str = "/tr/v1/tr/") -> bytes:
    """A POST of JSON in chunks."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    return raw("POST", target, b"", "Content-Type: application/json",
               "Transfer-Encoding: chunked", *headers, length=False) + body


def event(mark: str, **values: Any) -> dict[str, Any]:
    """An event that every derived table counts, found again by `params.k`."""
    return {"ename": "attack", "vid": "v1", "sid": "s1", "url": "https://example.com/a",
            "last": "https://example.org/b", **values,
            "params": {"k": mark, **values.get("params", {})}}


def new_eid() -> str:
    """An id such as clients make."""
    return str(uuid.uuid4())


class Goods:
    """Good events sent between attacks; `check` says whether each landed once."""

    def __init__(self, tracker: TrackerProcess) -> None:
        self.tracker = tracker
        self.marks: list[str] = []

    def body(self) -> str:
        """A new good event; it counts as sent."""
        mark = f"good-{len(self.marks)}"
        self.marks.append(mark)
        return json.dumps(event(mark))

    def send(self, client: Client | None = None) -> None:
        """Send one, on a connection that is there or a new one."""
        if client is not None:
            assert 200 == client.ask(post(self.body())).status
            return
        with Client(self.tracker.port) as new:
            self.send(new)

    def check(self) -> None:
        """All of them landed once."""
        self.tracker.flush()
        assert dict.fromkeys(self.marks, 1) == landed(self.tracker, "good-%")


def landed(tracker: TrackerProcess, like: str = "%") -> dict[str, int]:
    """How often each mark is in the embedded store."""
    rows = tracker.sql("SELECT params.k::String AS k, count() AS n FROM sfpla.events"
                       " WHERE params.k::String LIKE {like:String} GROUP BY k", like=like)
    return {str(row["k"]): int(row["n"]) for row in rows}


def check_sums(tracker: TrackerProcess, total: int, tables: tuple[str, ...] = DERIVED) -> None:
    """Events, what is derived from them and the account agree."""
    assert total == tracker.value("SELECT count() FROM sfpla.events")
    assert total == tracker.value("SELECT sum(landed) FROM sfpla.accounting")
    for table in tables:
        of = "" if table == "ips" else " WHERE NOT server"  # payments are no visits
        assert tracker.value(f"SELECT count() FROM sfpla.events{of}") \
            == tracker.value(f"SELECT sum(total) FROM sfpla.{table}"), table


def duck_marks(tracker: TrackerProcess) -> dict[str, int]:
    """How often each mark is in the DuckDB file, asked through the tracker."""
    lag_free(tracker, "duckdb")
    query = "SELECT params->>'k' AS k, count(*) AS n FROM events GROUP BY 1"
    found = subprocess.run(
        [sys.executable, "-m", "tracker", "sql", "--store", "duckdb", "--format", "JSONEachRow",
         "--config", tracker.folder / "config.json", query],
        capture_output=True, text=True, timeout=60, check=True)
    return {row["k"]: int(row["n"]) for row in map(json.loads, found.stdout.splitlines())}


def lag_free(tracker: TrackerProcess, store: str, seconds: float = 60.0) -> None:
    """Wait until a store is reachable and lacks nothing."""
    def caught_up() -> bool:
        state = tracker.health()["stores"][store]
        return bool(state["reachable"]) and state["lag_events"] == 0
    try:
        eventually(caught_up, seconds, f"{store} has caught up")
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {tracker.health()}; {tracker.log()[-2000:]}") from None


def memory(pid: int) -> int:
    """Proportional set size of a process in MB; 0 once it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) // 1024
    return 0


def worker_of(tracker: TrackerProcess) -> int:
    """Process id of the only worker."""
    return tracker.processes()[1]


def store_of(tracker: TrackerProcess) -> int:
    """Process id of the store process."""
    return tracker.processes()[-1]


def check_error(answer: Response, status: int, code: str) -> None:
    """The one shape of all errors, with a message for people."""
    assert (status, code) == (answer.status, answer.code), answer.body[:300]
    assert "application/json" == answer.headers["content-type"]
    error = answer.json()["error"]
    assert {"code", "message", "field"} == set(error)
    assert len(error["message"]) > 10


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own at `path` that is soon full."""
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path],
                          capture_output=True, check=False)
    if done.returncode != 0:
        if os.environ.get("CI"):
            raise AssertionError(done.stderr.decode())
        pytest.skip("mounting a small disk takes root")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def fill(directory: Path, leave: int = 0) -> Path:
    """A file that takes all space of a disk but `leave` bytes."""
    path = directory / "ballast"
    disk = os.statvfs(directory)
    with path.open("wb") as file:
        for size in (disk.f_bavail * disk.f_frsize - leave, 1 << 16, 4096):
            with contextlib.suppress(OSError):
                while size > 0:
                    os.posix_fallocate(file.fileno(), file.seek(0, 2), size)
                    if leave or size > 1 << 16:
                        break
    return path


class Load:
    """Sends an event at a time until it ends; knows which were acknowledged."""

    def __init__(self, tracker: TrackerProcess, weight: int = 0) -> None:
        self.sent: set[str] = set()
        self.refused = 0
        self._tracker = tracker
        self._weight = weight

    def send(self, count: int, size: int = 20) -> None:
        """Send batches of events; none may be refused."""
        for _ in range(count):
            assert self.try_one(size) == 200

    def try_one(self, size: int = 20) -> int:
        """Send one batch; counts only when it was acknowledged."""
        marks = [f"load-{len(self.sent)}-{number}" for number in range(size)]
        filler = "x" * self._weight
        status = self._tracker.post([event(mark) | {"eid": new_eid(), "fill": filler}
                                     for mark in marks])
        if status == 200:
            self.sent.update(marks)
        else:
            self.refused += 1
        return status

    def check(self, duck: bool = True) -> None:
        """Everything acknowledged is in both stores once, in derived tables too."""
        lag_free(self._tracker, "chdb")
        self._tracker.flush()
        want = dict.fromkeys(self.sent, 1)
        assert want == landed(self._tracker, "load-%")
        check_sums(self._tracker, len(want))
        if duck:
            assert want == duck_marks(self._tracker)


_HOLD = {
    "duckdb": "import duckdb; store = duckdb.connect(sys.argv[1] + '/duckdb/sfpla.duckdb')",
    "chdb": "from chdb.session import Session; store = Session(sys.argv[1] + '/chdb')",
}


@contextlib.contextmanager
def held(store: str, data: Path) -> Iterator[None]:
    """Another process has the files of a store open."""
    program = f"import sys; {_HOLD[store]}; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program, data], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert b"held" in holder.stdout.readline()
        yield
        holder.stdin.close()


def away(tracker: TrackerProcess, store: str, error: str = ": ") -> None:
    """Wait until /health says that a store is away, and why; the other one is there."""
    def is_away() -> bool:
        health = tracker.health()
        return health["status"] == "degraded" and all(
            (not state["reachable"] and error in (state["last_error"] or "")) if name == store
            else (state["reachable"] and state["last_error"] is None)
            for name, state in health["stores"].items())
    try:
        eventually(is_away, 30, f"{store} is away")
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {tracker.health()}; {tracker.log()[-2000:]}") from None
