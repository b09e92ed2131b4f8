"""A load of the open loop: requests at a fixed rate, each timed from the moment it was due.

A server that stalls does not slow this client down: what was due meanwhile waits for a free
connection, and that wait counts. Runs as a process of its own: `start` and `finish`, or

    python -m bench.rig.openloop HOST PORT RATE SECONDS CONNECTIONS REQUEST-FILE
"""

import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.rig.figures import percentile
from bench.rig.procs import on_cores

_NAP_SECONDS = 0.0002
_PATIENCE_SECONDS = 10.0
_CHUNK = 64 << 10
_OK = b"HTTP/1.1 200"
_END = b"\r\n\r\n"


class Schedule:
    """When each request of a fixed rate is due; hands out each moment once, in order."""

    def __init__(self, rate: float, seconds: float) -> None:
        self._gap = 1.0 / rate
        self._count = round(rate * seconds)
        self._next = 0

    @property
    def over(self) -> bool:
        """Whether all were handed out."""
        return self._next == self._count

    def due(self, now: float) -> list[float]:
        """The moments up to `now` (seconds since the start) that were not handed out yet."""
        last = min(int(now / self._gap + 1e-9) + 1, self._count)
        found = [at * self._gap for at in range(self._next, last)]
        self._next = max(last, self._next)
        return found


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of it. Seconds, from when each request was due.

    `asked`  the rate wanted, and `rate` the one answered
    `late`   from when a request was due to when it was sent, 99 % of all, though a connection
             was free: the client's own part of every latency
    `busy`   share of one core that the client took
    """

    asked: float
    rate: float
    requests: int
    failed: int
    unanswered: int
    p50: float
    p90: float
    p99: float
    p999: float
    most: float
    late: float
    busy: float


class Client:
    """Keeps `connections` open; sends what is due on those that are free."""

    def __init__(self, host: str, port: int, connections: int, request: bytes) -> None:
        self._request = request
        self._sockets = {}
        self._poll = select.epoll()
        for _ in range(connections):
            connection = socket.create_connection((host, port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(False)
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN)
        self._free = deque(self._sockets)
        self._sent: dict[int, tuple[float, float]] = {}  # when due and when sent, on their way
        self._waiting: deque[float] = deque()
        self.journal = array("d")
        self._lateness = array("d")
        self._failed = 0

    def run(self, rate: float, seconds: float) -> Answers:
        """Send for so long, then wait for the answers still missing."""
        schedule = Schedule(rate, seconds)
        start, cpu = time.monotonic(), time.process_time()
        end = seconds + _PATIENCE_SECONDS
        while not (schedule.over and not self._waiting and not self._sent):
            now = time.monotonic() - start
            if now > end:
                break
            self._send([start + due for due in schedule.due(now)])
            if not self._receive():
                time.sleep(_NAP_SECONDS)
        taken = time.monotonic() - start
        return self._answers(rate, taken, (time.process_time() - cpu) / taken)

    def close(self) -> None:
        """Close all connections."""
        self._poll.close()
        for connection in self._sockets.values():
            connection.close()

    def _send(self, due: list[float]) -> None:
        while self._waiting and self._free:
            self._give(self._waiting.popleft())
        for moment in due:
            if self._free:
                self._lateness.append(self._give(moment) - moment)
            else:
                self._waiting.append(moment)

    def _give(self, moment: float) -> float:
        descriptor, now = self._free.popleft(), time.monotonic()
        self._sent[descriptor] = moment, now
        self._sockets[descriptor].send(self._request)
        return now

    def _receive(self) -> bool:
        """Take the answers that are there; each fits into one read, and is alone in it."""
        events = self._poll.poll(0)
        for descriptor, _ in events:
            with contextlib.suppress(BlockingIOError):
                answer = self._sockets[descriptor].recv(_CHUNK)
                if not answer:
                    raise ConnectionError("the server closed a connection")
                if _END not in answer:
                    continue
                self.journal.extend((*self._sent.pop(descriptor), time.monotonic()))
                self._failed += not answer.startswith(_OK)
                self._free.append(descriptor)
        return bool(events)

    def _answers(self, asked: float, taken: float, busy: float) -> Answers:
        latencies = [read - due for due, read in
                     zip(self.journal[::3], self.journal[2::3], strict=True)]
        return Answers(
            asked=asked, rate=len(latencies) / taken, requests=len(latencies),
            failed=self._failed, unanswered=len(self._sent) + len(self._waiting),
            p50=percentile(latencies, 0.5), p90=percentile(latencies, 0.9),
            p99=percentile(latencies, 0.99), p999=percentile(latencies, 0.999),
            most=max(latencies, default=float("nan")), late=percentile(self._lateness, 0.99),
            busy=busy)


def start(url: str, rate: float, seconds: float, connections: int, request: Path,
          cores: Sequence[int] = (), journal: Path | None = None) -> "subprocess.Popen[str]":
    """Start the client as a process; `finish` waits for it."""
    where = urlsplit(url)
    with on_cores(cores):
        return subprocess.Popen(
            [sys.executable, "-m", "bench.rig.openloop", str(where.hostname), str(where.port),
             str(rate), str(seconds), str(connections), str(request),
             *([str(journal)] if journal else [])],
            cwd=Path(__file__).parents[2], text=True, stdout=subprocess.PIPE)


def finish(child: "subprocess.Popen[str]", seconds: float) -> Answers:
    """Wait for a started client."""
    printed, _ = child.communicate(timeout=seconds + 3 * _PATIENCE_SECONDS)
    if child.returncode:
        raise ConnectionError(f"the client of the open loop ended with {child.returncode}")
    return Answers(**json.loads(printed))


def main(arguments: Sequence[str]) -> None:
    """Run once and print the answers as JSON."""
    host, port, rate, seconds, connections, request, *journal = arguments
    client = Client(host, int(port), int(connections), Path(request).read_bytes())
    try:
        answers = client.run(float(rate), float(seconds))
    finally:
        client.close()
    for path in journal:
        Path(path).write_bytes(client.journal.tobytes())
    sys.stdout.write(json.dumps(asdict(answers)))


if __name__ == "__main__":
    main(sys.argv[1:])
