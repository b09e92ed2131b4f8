"""What slow answers wait for: the scheduler's events while requests come at a fixed rate.

    python bench/tail.py [--rate RATE] [--seconds 6] [--rounds 3] [--slow 4] [--markdown]

Needs `perf` (Debian: linux-perf) and root. The time of every request slower than `--slow` ms, from
when it was due until its answer was read, is split by what the client, the worker's event loop and
its commit thread did in it. `--markdown` puts the result into docs/performance.md.
"""

import argparse
import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # instead of this folder, whose modules are those of the package `bench`

from bench.measures.latency import CONNECTIONS, one_request
from bench.rig import openloop, page, procs, report
from bench.rig.bench import Bench, Plan
from bench.rig.figures import percentile
from bench.rig.schedule import (
    DISK,
    EVENTS,
    FIELDS,
    IDLE,
    RUNS,
    WAITS,
    Schedule,
)

_SHARE = 0.5
_WARM_SECONDS = 2.0
_SETTLED_SECONDS = 0.5
PARTS = SYNC, WORKER_WAITS, WORKER_WORKS, CLIENT_LATE, CLIENT_OTHER, CLIENT_READS, NOTHING = (
    "the write is being synced",
    "the worker waits for a core",
    "the worker works",
    "the client waits for a core to send it",
    "the client is late to send it, for other reasons",
    "the client waits for a core to read the answer",
    "none of them does anything",
)
_NAMES = {"w0": "the worker", "store": "the store process", "query": "the query process",
          "supervisor": "the supervisor"}


@dataclass(frozen=True, slots=True)
class Threads:
    """Ids of those that a request meets."""

    client: int
    loop: int
    commit: int


@dataclass(slots=True)
class Found:
    """What all rounds gave. Seconds.

    `latencies`  of all requests, and `slow` how many of them were above the bound
    `parts`      time of slow ones by what it was
    `longest`    slow ones by their longest part
    `beside`     time in which the worker waited for a core during them, by who had it
    """

    latencies: list[float] = field(default_factory=list)
    slow: int = 0
    parts: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    longest: Counter[str] = field(default_factory=Counter)
    beside: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


def parts(schedule: Schedule, threads: Threads, due: float, sent: float, read: float,
          ) -> dict[str, float]:
    """Seconds of one request by what they were."""
    spans = {thread: list(schedule.spans(thread, due, read))
             for thread in (threads.client, threads.loop, threads.commit)}
    cuts = sorted({due, sent, read, *(begin for found in spans.values() for _, begin, _ in found)})
    steps = {thread: iter(found) for thread, found in spans.items()}
    now = {thread: next(step) for thread, step in steps.items()}
    found: dict[str, float] = {}
    for begin, end in itertools.pairwise(cuts):
        for thread in now:
            while now[thread][2] <= begin:
                now[thread] = next(steps[thread])
        part = _part({thread: state for thread, (state, _, _) in now.items()}, threads,
                     was_sent=begin >= sent)
        found[part] = found.get(part, 0.0) + end - begin
    return found


def _part(states: Mapping[int, str], threads: Threads, *, was_sent: bool) -> str:
    client, loop, commit = states[threads.client], states[threads.loop], states[threads.commit]
    if not was_sent:
        return CLIENT_LATE if client == WAITS else CLIENT_OTHER
    if commit == DISK:
        return SYNC
    if WAITS in {loop, commit}:
        return WORKER_WAITS
    if RUNS in {loop, commit}:
        return WORKER_WORKS
    return CLIENT_READS if client == WAITS else NOTHING


def weigh(schedule: Schedule, threads: Threads, journal: Sequence[float], slow: float,
          names: Mapping[int, str], found: Found) -> None:
    """Add a round to what was found; `names` of threads that the kernel calls otherwise."""
    for due, sent, read in zip(journal[::3], journal[1::3], journal[2::3], strict=True):
        found.latencies.append(read - due)
        if read - due <= slow:
            continue
        split = parts(schedule, threads, due, sent, read)
        found.slow += 1
        for part, seconds in split.items():
            found.parts[part] += seconds
        found.longest[max(split, key=lambda part: split[part])] += 1
        for thread in (threads.loop, threads.commit):
            for other, seconds in schedule.beside(thread, sent, read).items():
                found.beside[_called(other, names, schedule)] += seconds


def _called(thread: int, names: Mapping[int, str], schedule: Schedule) -> str:
    if thread == IDLE:
        return "nobody: the core wakes up"
    if thread in names:
        return names[thread]
    name = schedule.names.get(thread, "")
    return "the kernel" if name.startswith(("kworker", "ksoftirqd", "jbd2", "rcu", "migration")) \
        else "others"


@contextlib.contextmanager
def recorded(path: Path) -> Iterator[None]:
    """Let perf write the scheduler's events of all cores into a file meanwhile."""
    events = [word for event in EVENTS for word in ("-e", event)]
    child = subprocess.Popen(["perf", "record", "-q", "-a", "-k", "CLOCK_MONOTONIC", "-m", "4096",
                              *events, "-o", str(path)], stderr=subprocess.DEVNULL)
    with procs.held(child):
        time.sleep(_SETTLED_SECONDS)
        if child.poll() is not None:
            raise SystemExit("perf cannot record the scheduler's events: it takes root")
        yield
        child.send_signal(signal.SIGINT)


def _schedule(path: Path) -> Schedule:
    with subprocess.Popen(["perf", "script", "--ns", "-F", FIELDS, "-i", str(path)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        return Schedule(child.stdout)


def measure(bench: Bench, rate: float, seconds: float, rounds: int, slow: float) -> Found:
    """So many rounds at one rate, one tracker for all."""
    tracker, request, found = bench.tracker(), one_request(bench), Found()
    record, journal = bench.new_path("perf"), bench.new_path("journal")
    pids = tracker.processes()
    openloop.finish(openloop.start(tracker.url, rate, _WARM_SECONDS, CONNECTIONS, request),
                    _WARM_SECONDS)
    for _ in range(rounds):
        with recorded(record):
            child = openloop.start(tracker.url, rate, seconds, CONNECTIONS, request,
                                   journal=journal)
            client = child.pid
            with procs.held(child):
                openloop.finish(child, seconds)
        schedule = _schedule(record)
        names = {thread: _NAMES[name] for name, pid in pids.items()
                 for thread in procs.threads(pid)}
        others = [thread for thread in procs.threads(pids["w0"]) if thread != pids["w0"]]
        threads = Threads(client, pids["w0"], max(others, key=lambda each: schedule.turns[each]))
        values = array("d")
        values.frombytes(journal.read_bytes())
        weigh(schedule, threads, values, slow, names | {client: "the client"}, found)
        bench.settle(tracker)
    return found


def table(found: Found) -> list[list[str]]:
    """Rows of cells, the first of them the heads: each part of the time of slow requests."""
    whole = sum(found.parts.values()) or 1.0
    return [["meanwhile", "share of their time", "longest part of"],
            *([part, f"{found.parts[part] / whole:.0%}",
               f"{found.longest[part] / max(found.slow, 1):.0%} of them"] for part in PARTS)]


def said(found: Found, rate: float, slow: float) -> str:
    """How many were slow, and who had the cores that the worker waited for."""
    whole = sum(found.beside.values()) or 1.0
    beside = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in
                       sorted(found.beside.items(), key=lambda each: -each[1])
                       if seconds > whole / 100)
    return (f"{found.slow:,} of {len(found.latencies):,} requests, {rate:,.0f} a second, took more"
            f" than {slow * 1e3:g} ms (p50 {percentile(found.latencies, 0.5) * 1e3:.2f}, p99"
            f" {percentile(found.latencies, 0.99) * 1e3:.2f} ms). While the worker waited for a"
            f" core, that one had {beside}.")


def main() -> None:
    """Measure as the command line says, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, help="requests/s; by default half of the peak")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow", type=float, default=4.0, help="ms above which a request is slow")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if shutil.which("perf") is None:
        raise SystemExit("perf is not installed (Debian: linux-perf)")
    bench = Bench(Plan(), ROOT / "build")
    try:
        rate = options.rate or bench.peak() * _SHARE
        found = measure(bench, rate, options.seconds, options.rounds, options.slow / 1e3)
    finally:
        bench.close()
    rows, told = table(found), said(found, rate, options.slow / 1e3)
    print(f"{report.plain(rows)}\n\n{told}")
    if options.markdown:
        page.put("tail", (f"Measured on {page.origin(ROOT)}. {told}\n\n{page.grid(rows)}"))


if __name__ == "__main__":
    main()
