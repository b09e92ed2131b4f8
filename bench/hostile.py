"""Landing beside queries that hurt: `python -m bench.hostile [--seconds 20] [--only huge …]`."""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from bench.rig import procs, wrk
from bench.rig.bench import Bench, Plan
from bench.rig.servers import ServerFailed, Tracker

ASKING = 40
RATE = 8000  # events/s meanwhile: what two cores land with ease
_MEGABYTE = 1e6
_PAUSE_SECONDS = 0.02
_SETTLE_SECONDS = 90.0

SETS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "honest": (
        ("SELECT url, toDate(created_at) AS day, count() AS n, uniqExact(vid) FROM events"
        " GROUP BY url, day ORDER BY n DESC LIMIT 100"),
        ("SELECT vid, windowFunnel(86400)(toDateTime(created_at), ename = 'load', ename = 'click')"
        " AS level FROM events GROUP BY vid ORDER BY level DESC LIMIT 100"),
        "SELECT params.button, count() FROM events FINAL GROUP BY params.button",
        "SELECT quantiles(0.5, 0.99)(duration), uniq(sid) FROM events GROUP BY url",
    ),
    "memory": (
        "SELECT groupArray(number) FROM numbers(100000000000)",
        "SELECT number, count() FROM numbers(10000000000) GROUP BY number",
        ("SELECT a.eid, b.eid FROM events AS a JOIN events AS b ON a.vid = b.vid"
        " ORDER BY a.url, b.last"),
        "SELECT groupUniqArray(repeat(toString(number), 100)) FROM numbers(1000000000)",
        "SELECT arraySort(range(500000000 + toUInt64(rand() % 2)))",
        "SELECT number FROM numbers(10000000000) ORDER BY sipHash64(number)",
    ),
    "endless": (
        ("SELECT count() FROM numbers_mt(100000000000000) WHERE sipHash64(number) = 1"
        " SETTINGS max_threads = 16"),
        "SELECT count() FROM events AS a, events AS b, events AS c WHERE a.eid < c.eid",
        "SELECT sleepEachRow(0.01) FROM numbers(100000) SETTINGS max_block_size = 200",
        ("SELECT arrayFold((a, x) -> sipHash64(a, x), range(100000), toUInt64(number))"
        " FROM numbers(100000)"),
        ("SELECT sum(arraySum(arrayMap(x -> arraySum(arrayMap(y -> bitXor(x, y), range(10000))),"
        " range(10000)))) FROM numbers(100)"),
    ),
    "text": (
        ("SELECT count() FROM numbers(100000)"
        " WHERE match(repeat(toString(number), 10000), '(1?2?3?){30}(a|b|c)*$')"),
        ("SELECT sum(ngramDistance(repeat(toString(number), 1000), 'abcdefgh')) FROM"
        " numbers(10000000)"),
        "SELECT replaceRegexpAll(repeat('ab', 500000), '(a.*b)*', '\\\\1') FROM numbers(1000)",
        ("SELECT sum(editDistance(repeat('ab', 2000), repeat('ba', 2000 + number % 10)))"
        " FROM numbers(1000000)"),
    ),
    "huge": (
        "SELECT * FROM numbers(100000000000)",
        "SELECT repeat('x', 1000000) FROM numbers(100000)",
        "SELECT * FROM events FORMAT JSONEachRow",
        "SELECT number, repeat('y', 1000) FROM numbers(10000000) FORMAT JSON",
    ),
}
"""What the crowd asks; each client goes through one set from a place of its own."""

MANNERS = {"unread": "huge", "vanishing": "endless"}
"""Clients that do not read their answers, and those that go away at once; and what they ask."""


@dataclass
class Crowd:
    """Clients that ask all the time, each over a connection at a time, until `end`."""

    port: int
    asks: tuple[str, ...]
    manner: str = ""
    clients: int = ASKING
    answers: Counter[str] = field(default_factory=Counter)
    _ending: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for place in range(self.clients if self.asks else 0):
            thread = threading.Thread(target=self._ask_on, args=(place,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()

    def _ask_on(self, place: int) -> None:
        while not self._ending.is_set():
            kind = "broken"
            with suppress(OSError, http.client.HTTPException):
                kind = self._ask(self.asks[place % len(self.asks)])
            self.answers[kind] += 1
            place += 1
            self._ending.wait(_PAUSE_SECONDS)

    def _ask(self, sql: str) -> str:
        """Ask once and behave; gives back what came of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request("POST", "/", sql.encode())
            if self.manner:
                self._ending.wait(0.2 if self.manner == "vanishing" else 5.0)
                return self.manner
            answer = connection.getresponse()
            while answer.read(1 << 20) and not self._ending.is_set():
                pass
            code = answer.getheader("x-clickhouse-exception-code")
            return f"{answer.status} ({code})" if code else str(answer.status)
        finally:
            connection.close()


@dataclass
class Sample:
    """How it stands at one moment."""

    landed: float
    accepted: float
    lag: float
    memory: float
    asked: float  # seconds that a small honest query took; infinite when it was refused


def look(tracker: Tracker) -> Sample:
    """A sample now."""
    said = tracker.metrics()
    began = time.monotonic()
    took = float("inf")
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", tracker.query_port, timeout=10)
        connection.request("GET", "/?" + urllib.parse.urlencode(
            {"query": "SELECT sum(total) FROM dailies"}))
        if connection.getresponse().status == http.client.OK:
            took = time.monotonic() - began
        connection.close()
    return Sample(said["tracker_events_landed_total"], said["tracker_spool_events_total"],
                  said.get("tracker_store_lag_seconds", float("nan")),
                  procs.memory(tracker.family()) / _MEGABYTE, took)


def _used(tracker: Tracker) -> dict[str, float]:
    """Seconds of the processor that each process has used."""
    return {name: procs.cpu_seconds(pid) for name, pid in tracker.processes().items()}


def phase(tracker: Tracker, name: str, seconds: float, clients: int) -> dict[str, object]:
    """Let the crowd ask for some seconds, and tell what became of landing meanwhile."""
    samples = [look(tracker)]
    pids, used = tracker.processes(), _used(tracker)
    began = time.monotonic()
    asks = SETS[MANNERS.get(name, name)]
    with Crowd(tracker.query_port, asks, name if name in MANNERS else "", clients) as crowd:
        while time.monotonic() - began < seconds:
            time.sleep(1.0)
            with suppress(OSError, KeyError):
                samples.append(look(tracker))
    took = time.monotonic() - began
    return {
        "set": name, "accepted/s": round((samples[-1].accepted - samples[0].accepted) / took),
        "landed/s": round((samples[-1].landed - samples[0].landed) / took),
        "lag": round(max(sample.lag for sample in samples), 2),
        "MB": round(max(sample.memory for sample in samples)),
        "asked": round(sorted(sample.asked for sample in samples)[len(samples) // 2], 2),
        "restarted": sorted(name for name, pid in tracker.processes().items()
                            if pids.get(name) != pid),
        "cores": {name: round((seconds - used.get(name, 0.0)) / took, 2)
                  for name, seconds in _used(tracker).items()},
        "answers": dict(crowd.answers.most_common(8)),
    }


def settle(tracker: Tracker) -> tuple[int, int]:
    """How many events were accepted, and how many of them can be queried when all should be."""
    accepted, landed = tracker.accepted(), -1
    until = time.monotonic() + _SETTLE_SECONDS
    while landed != accepted and time.monotonic() < until:
        time.sleep(1.0)
        with suppress(OSError, ServerFailed):
            landed = tracker.landed()
    return accepted, landed


def deaths(tracker: Tracker) -> list[str]:
    """What the log tells of processes that were ended, or ended themselves; its last part."""
    lines = (tracker.folder / "log").read_text(errors="replace").splitlines()
    first = next((at for at, line in enumerate(lines) if "SQL  " in line), 0)
    return [line for line in lines[first + 1:] if not line.startswith("  ") and line][-20:]


def run(bench: Bench, names: list[str], seconds: float, clients: int, rate: float) -> bool:
    """A tracker under load, one set after the other; whether all that was accepted landed."""
    tracker = bench.start_tracker()
    with ExitStack() as stack:
        stack.callback(tracker.discard)
        load = bench.traffic()
        pause = round(load.connections / rate * 1000)  # milliseconds between two of a connection
        load = replace(load, arguments=(str(pause), *load.arguments[1:]))
        child = stack.enter_context(procs.held(wrk.start(load, tracker.url, 3600)))
        stack.callback(child.kill)
        time.sleep(5.0)
        for name in names:
            print(json.dumps(phase(tracker, name, seconds, clients)), flush=True)
        child.kill()
        child.wait()
        accepted, landed = settle(tracker)
        print(json.dumps({"accepted": accepted, "landed": landed, "deaths": deaths(tracker)}),
              flush=True)
        return accepted == landed


def main() -> int:
    """Print a line of JSON per set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each set")
    parser.add_argument("--clients", type=int, default=ASKING)
    parser.add_argument("--rate", type=float, default=RATE, help="events/s, about")
    parser.add_argument("--only", nargs="+", default=[*SETS, *MANNERS], help="sets to ask")
    wanted = parser.parse_args()
    bench = Bench(Plan(), Path(tempfile.gettempdir()) / "tracker-hostile")
    try:
        return 0 if run(bench, wanted.only, wanted.seconds, wanted.clients,
                        wanted.rate) else 1
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
