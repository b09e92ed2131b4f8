"""How long an answer takes at a fixed rate, and how long an event takes until it can be queried."""

import http.client
import json
import secrets
import threading
import time
from pathlib import Path

from bench.rig import openloop
from bench.rig.bench import Bench
from bench.rig.figures import percentile
from bench.rig.openloop import Answers
from bench.rig.payloads import EVENT, PATH
from bench.rig.procs import held
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import Tracker

CONNECTIONS = 64
_ROUNDS = 2
_LATE_SECONDS = 0.001
_PROBE_GAP_SECONDS = 0.1
_LOOK_GAP_SECONDS = 0.02
_MISSING_SECONDS = 10.0


def latency(bench: Bench, scenario: Scenario) -> Result:
    """The p99 of a durable POST at a share of the peak rate; everything on all cores, landing on.

    The same client at the same rate against nginx shows what of it is the client's own.
    """
    tracker, nginx = bench.tracker(), bench.nginx()
    rate, request = bench.peak() * scenario.share, one_request(bench)
    rounds: tuple[list[Answers], list[Answers]] = [], []
    for _ in range(min(_ROUNDS, bench.plan.rounds)):
        for url, answers in zip((tracker.url, nginx.url), rounds, strict=True):
            answers.append(_at_rate(bench, url, rate, request))
    ours, theirs = rounds
    result = Result(_figure("tracker", ours, "p99"), 0.0, _figure("nginx", theirs, "p99"))
    result.score = result.ours.spread.median
    result.more = [
        Figure("rate asked for", "requests/s", (rate,)),
        Figure("rate answered", "requests/s", tuple(each.rate for each in ours)),
        *(_figure(f"{name} of tracker", ours, name) for name in ("p50", "p90", "p999", "most")),
        *(_figure(f"{name} of nginx", theirs, name) for name in ("p50", "p90", "p999", "most")),
        _figure("client late by, p99", ours, "late"),
        Figure("client", "cores", tuple(each.busy for each in ours)),
    ]
    _judge(bench, tracker, ours + theirs, result)
    return result


def lag(bench: Bench, scenario: Scenario) -> Result:
    """The p99 from a 200 until the query port gives the event, at a share of what can be landed."""
    if bench.sustained is None:
        raise LookupError("needs the rate that can be sustained: measure `sustained` before it")
    tracker = bench.tracker()
    rate, seconds = bench.sustained * scenario.share, bench.plan.fixed_seconds
    probe = Probe(tracker)
    load = openloop.start(tracker.url, rate, seconds, CONNECTIONS, one_request(bench))
    with held(load) as child:
        waits = probe.run(seconds)
        answers = openloop.finish(child, seconds)
    p99 = percentile(waits, 0.99)
    result = Result(Figure("tracker, p99", "s", (p99,)), p99)
    result.more = [
        Figure("rate asked for", "requests/s", (rate,)),
        Figure("rate answered", "requests/s", (answers.rate,)),
        Figure("from the answer to the query", "s", tuple(waits)),
        Figure("p50", "s", (percentile(waits, 0.5),)),
        Figure("a query took, p50", "s", (percentile(probe.queries, 0.5),)),
    ]
    if probe.missing:
        result.faults.append(f"{probe.missing} events could not be queried "
                             f"{_MISSING_SECONDS:g} s after the load ended")
    _judge(bench, tracker, [answers], result)
    return result


class Probe:
    """Sends an event of its own now and then, and asks for them all the time."""

    def __init__(self, tracker: Tracker) -> None:
        self.queries: list[float] = []
        self._tracker = tracker
        self._name = f"probe-{secrets.token_hex(8)}"
        self._answered: dict[int, float] = {}
        self._seen: dict[int, float] = {}
        self._over = threading.Event()

    @property
    def missing(self) -> int:
        """How many were answered and never seen."""
        return len(self._answered.keys() - self._seen.keys())

    def run(self, seconds: float) -> list[float]:
        """Seconds from the answer to the query that first gave each event."""
        looking = threading.Thread(target=self._look, daemon=True)
        looking.start()
        try:
            self._send(seconds)
            until = time.monotonic() + _MISSING_SECONDS
            while self.missing and looking.is_alive() and time.monotonic() < until:
                time.sleep(_LOOK_GAP_SECONDS)
        finally:
            self._over.set()
            looking.join()
        return [max(self._seen[number] - answered, 0.0)
                for number, answered in self._answered.items() if number in self._seen]

    def _send(self, seconds: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._tracker.port, timeout=30)
        until, number = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            number += 1
            connection.request("POST", PATH, json.dumps({"ename": self._name, "score": number}),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == http.client.OK:
                self._answered[number] = time.monotonic()
            time.sleep(_PROBE_GAP_SECONDS)
        connection.close()

    def _look(self) -> None:
        """Each query gives those that came since the last one saw."""
        highest = 0
        while not self._over.is_set():
            before = time.monotonic()
            rows = self._tracker.sql(
                "SELECT toUInt64(score) FROM sfpla.events WHERE created_at > now() - 60"
                f" AND ename = '{self._name}' AND score > {highest}")
            now = time.monotonic()
            self.queries.append(now - before)
            for (number,) in rows:
                self._seen.setdefault(int(number), now)
                highest = max(highest, int(number))
            time.sleep(_LOOK_GAP_SECONDS)


def one_request(bench: Bench) -> Path:
    """A file with the bytes of a POST of one event."""
    path = bench.folder / "request"
    path.write_text(
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(EVENT)}\r\n\r\n{EVENT}", newline="")
    return path


def _at_rate(bench: Bench, url: str, rate: float, request: Path) -> Answers:
    seconds = bench.plan.fixed_seconds
    with held(openloop.start(url, rate, seconds, CONNECTIONS, request)) as child:
        return openloop.finish(child, seconds)


def _figure(label: str, answers: list[Answers], name: str) -> Figure:
    return Figure(label, "ms", tuple(getattr(each, name) * 1e3 for each in answers))


def _judge(bench: Bench, tracker: Tracker, answers: list[Answers], result: Result) -> None:
    """Faults of the server, and a client that was itself too slow to judge it."""
    failed = sum(each.failed + each.unanswered for each in answers)
    if failed:
        result.faults.append(f"{failed} requests were refused or not answered")
    if max(each.late for each in answers) > _LATE_SECONDS:
        result.notes.append("the client itself was late; the latencies are upper bounds")
    accepted, landed = bench.settle(tracker)
    if accepted != landed:
        result.faults.append(f"{landed} of {accepted} accepted events landed")
        bench.drop_tracker()
