"""Requests/s beside a peer: rounds in turn, each server alone on one core, the load on another."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.figures import ratio
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import Nginx, Server, Tracker
from bench.rig.wrk import Load, drive

_WARM_SECONDS = 1.0
_FULL = 0.95


@dataclass(slots=True)
class _Rounds:
    """One server's rounds so far.

    `cpu`      microseconds a request took of each process, by round
    `busy`     share of the server's core that its own process took, by round
    `foreign`  cores that the rest of the machine took meanwhile, by round
    `requests` answered in all, those of warming up included
    """

    server: Server
    main: str
    load: Load
    rates: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    busy: list[float] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)
    requests: int = 0
    runs: int = 0

    def warm(self, core: int) -> None:
        """A round that does not count."""
        self.requests += drive(self.load, self.server.url, _WARM_SECONDS, [core]).requests
        self.runs += 1

    def run(self, core: int, seconds: float) -> None:
        """A round that counts."""
        pids = self.server.processes()
        before = {name: procs.cpu_seconds(pid) for name, pid in pids.items()}
        all_before, ours_before = procs.busy_seconds(), procs.tree_seconds(os.getpid())
        outcome = drive(self.load, self.server.url, seconds, [core])
        ours = procs.tree_seconds(os.getpid()) - ours_before
        foreign = procs.busy_seconds() - all_before - ours
        for name, pid in pids.items():
            spent = procs.cpu_seconds(pid) - before[name]
            self.cpu.setdefault(name, []).append(spent / outcome.requests * 1e6)
            if name == self.main:
                self.busy.append(spent / outcome.seconds)
        self.rates.append(outcome.rate)
        self.foreign.append(max(foreign, 0.0) / outcome.seconds)
        self.requests += outcome.requests
        self.runs += 1


def race(bench: Bench, scenario: Scenario) -> Result:
    """Ours against nginx, A B A B …; the score is the ratio of medians: events/s to requests/s."""
    tracker, nginx = bench.tracker(), bench.nginx()
    ours = _Rounds(tracker, "w0", bench.load(scenario.load))
    theirs = _Rounds(nginx, "nginx", bench.load(scenario.peer_load or scenario.load))
    seconds = min(bench.plan.seconds, scenario.seconds or bench.plan.seconds)
    before = tracker.accepted()
    with _placed(bench.cores, tracker, nginx):
        for each in () if bench.plan.smoke else (ours, theirs):
            each.warm(bench.cores.load)
        for _ in range(bench.plan.rounds):
            for each in (ours, theirs):
                each.run(bench.cores.load, seconds)
    result = _result(ours, theirs)
    _check(bench, tracker, ours, before, result)
    return result


@contextlib.contextmanager
def _placed(cores: procs.Cores, tracker: Tracker, nginx: Nginx) -> Iterator[None]:
    """Servers on one core in turn, load on another; the store process where it takes from neither.

    Where there is no third core it runs on the load's, and only while nothing else wants it. It
    does so in the rounds of both servers, so what little it takes, it takes from both.
    """
    everywhere = os.sched_getaffinity(0)
    pids = tracker.processes()
    store = pids.pop("store")
    of_store = os.sched_getaffinity(store)  # it keeps off a core by itself
    for pid in (*pids.values(), *nginx.processes().values()):
        procs.pin(pid, [cores.server])
    procs.pin(store, [cores.store])
    procs.idle(store, only=True)
    try:
        yield
    finally:
        procs.idle(store, only=False)
        procs.pin(store, of_store)
        for pid in pids.values():
            procs.pin(pid, everywhere)


def _result(ours: _Rounds, theirs: _Rounds) -> Result:
    events = [rate * ours.load.events for rate in ours.rates]
    found = ratio(events, theirs.rates)
    if found is None:
        raise ZeroDivisionError("a round of the peer answered nothing")
    result = Result(Figure("tracker", "events/s", tuple(events)), found.of_medians,
                    Figure("nginx", "requests/s", tuple(theirs.rates)))
    result.more = [
        Figure("ratio of pairs", "", tuple(a / b for a, b in
                                           zip(events, theirs.rates, strict=True))),
        Figure("CPU of the edge", "µs a request", tuple(ours.cpu["w0"])),
        Figure("CPU of nginx", "µs a request", tuple(theirs.cpu["nginx"])),
        Figure("ratio of CPU", "", tuple(
            b / a * ours.load.events for a, b in
            zip(ours.cpu["w0"], theirs.cpu["nginx"], strict=True) if a)),
        Figure("CPU of the store", "µs a request", tuple(ours.cpu["store"])),
        Figure("core of the edge, busy", "", tuple(ours.busy)),
        Figure("core of nginx, busy", "", tuple(theirs.busy)),
        Figure("foreign load", "cores", tuple(ours.foreign + theirs.foreign)),
    ]
    for each in (ours, theirs):
        if max(each.busy) < _FULL:
            result.notes.append(f"{each.main} took {max(each.busy):.0%} of its core at most: the "
                                "load, the disk or foreign load was the limit")
    return result


def _check(bench: Bench, tracker: Tracker, ours: _Rounds, before: int, result: Result) -> None:
    """Compare the three counts. A tracker with much left to land is given up, so that the next
    scenario does not pay for this one.
    """
    events = ours.load.events
    accepted, landed = bench.settle(tracker)
    result.faults += count_faults(ours.requests * events, accepted - before,
                                  ours.runs * ours.load.connections * events)
    if landed == accepted:
        return
    said = f"{landed} of {accepted} accepted events had landed"
    if landed > accepted or bench.plan.smoke:
        result.faults.append(said)
    else:
        result.notes.append(f"{said} {bench.plan.settle_seconds:g} s after the last round; "
                            "the rest was not waited for")
    bench.drop_tracker()


def count_faults(answered: int, accepted: int, in_flight: int) -> list[str]:
    """What is wrong with the events answered with 200 and those accepted.

    When a load ends, requests are in flight that it does not count: so many may be accepted more.
    """
    if 0 <= accepted - answered <= in_flight:
        return []
    return [f"{answered} events were answered with 200, {accepted} accepted"]
