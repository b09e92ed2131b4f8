"""Rounds of several sides in turn (A B C A B C …), each alone on one core, the load on another."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.peers.base import Side
from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.scenario import Figure, Result
from bench.rig.servers import Server, Tracker

_WARM_SECONDS = 1.0
_FULL = 0.95


@dataclass(slots=True)
class Rounds:
    """One side's rounds so far.

    `main`     its process that answers; empty where it has none
    `events`   in one request, and `connections` that may each have one on its way at the end
    `rates`    requests/s of each round, and `latencies` their p99 in ms
    `cpu`      microseconds a request took of each process, by round
    `busy`     share of a core that its main process took, by round
    `foreign`  cores that the rest of the machine took meanwhile, by round
    `answered` requests in all, those of warming up included, in so many `runs`
    """

    name: str
    side: Side
    main: str
    events: int = 1
    connections: int = 64
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    busy: list[float] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)
    answered: int = 0
    runs: int = 0

    def warm(self, cores: Sequence[int]) -> None:
        """A round that does not count."""
        self.answered += self.side.drive(_WARM_SECONDS, cores).requests
        self.runs += 1

    def run(self, cores: Sequence[int], seconds: float) -> None:
        """A round that counts."""
        pids = self.side.processes()
        before = {name: procs.cpu_seconds(pid) for name, pid in pids.items()}
        all_before, ours_before = procs.busy_seconds(), procs.tree_seconds(os.getpid())
        outcome = self.side.drive(seconds, cores)
        ours = procs.tree_seconds(os.getpid()) - ours_before
        foreign = procs.busy_seconds() - all_before - ours
        for name, pid in pids.items():
            spent = procs.cpu_seconds(pid) - before[name]
            self.cpu.setdefault(name, []).append(spent / outcome.requests * 1e6)
            if name == self.main:
                self.busy.append(spent / outcome.seconds)
        self.rates.append(outcome.rate)
        self.latencies.append(outcome.p99 * 1e3)
        self.foreign.append(max(foreign, 0.0) / outcome.seconds)
        self.answered += outcome.requests
        self.runs += 1

    @property
    def event_rates(self) -> tuple[float, ...]:
        """Events/s of each round."""
        return tuple(rate * self.events for rate in self.rates)

    def micros(self, *names: str) -> tuple[float, ...]:
        """CPU microseconds a request, of these processes together, by round."""
        return tuple(map(sum, zip(*(self.cpu[name] for name in names), strict=True)))


def in_turn(bench: Bench, sides: Sequence[Rounds], rounds: int, seconds: float,
            cores: Sequence[int] | None = None) -> None:
    """Warm each side, then give each so many rounds; the load is on `cores`, by default its own."""
    cores = [bench.cores.load] if cores is None else cores
    for each in () if bench.plan.smoke else sides:
        each.warm(cores)
    for _ in range(min(rounds, bench.plan.rounds)):
        for each in sides:
            each.run(cores, seconds)


@contextlib.contextmanager
def placed(cores: procs.Cores, trackers: Sequence[Tracker], others: Sequence[Server] = (),
           ) -> Iterator[None]:
    """Servers on one core in turn, load on another; the store process where it takes from neither.

    Where there is no third core it runs on the load's, and only while nothing else wants it. It
    does so in the rounds of all sides, so what little it takes, it takes from all.
    """
    with contextlib.ExitStack() as stack:
        for tracker in trackers:
            stack.enter_context(aside(tracker, [cores.store]))
            for name, pid in tracker.processes().items():
                if name != "store":
                    stack.enter_context(procs.pinned(pid, [cores.server]))
        for server in others:
            for pid in server.processes().values():
                procs.pin(pid, [cores.server])
        yield


@contextlib.contextmanager
def aside(tracker: Tracker, cores: Sequence[int]) -> Iterator[None]:
    """The store process on these cores, and only while nothing else wants them."""
    store = tracker.processes()["store"]
    with procs.pinned(store, cores), procs.idling(store):
        yield


def note_limits(sides: Sequence[Rounds], result: Result) -> None:
    """Say of which side something else than its core was the limit."""
    for each in sides:
        if each.busy and max(each.busy) < _FULL:
            result.notes.append(f"{each.name} took {max(each.busy):.0%} of its core at most: the "
                                "load, the disk or foreign load was the limit")


def foreign(sides: Sequence[Rounds]) -> Figure:
    """What the rest of the machine took while they ran."""
    return Figure("foreign load", "cores",
                  tuple(value for each in sides for value in each.foreign))


def check(bench: Bench, tracker: Tracker, ours: Sequence[Rounds], before: int, result: Result,
          ) -> bool:
    """Compare what was answered, accepted since `before`, and landed; whether all has landed."""
    accepted, landed = bench.settle(tracker)
    result.faults += count_faults(
        sum(each.answered * each.events for each in ours), accepted - before,
        sum(each.runs * each.connections * each.events for each in ours))
    if landed == accepted:
        return True
    said = f"{landed} of {accepted} accepted events had landed"
    if landed > accepted or bench.plan.smoke:
        result.faults.append(said)
    else:
        result.notes.append(f"{said} {bench.plan.settle_seconds:g} s after the last round; "
                            "the rest was not waited for")
    return False


def check_shared(bench: Bench, tracker: Tracker, ours: Sequence[Rounds], before: int,
                 result: Result) -> None:
    """The same for the shared tracker. One with much left to land is given up, so that the next
    scenario does not pay for this one.
    """
    if not check(bench, tracker, ours, before, result):
        bench.drop_tracker()


def count_faults(answered: int, accepted: int, in_flight: int) -> list[str]:
    """What is wrong with the events answered with 200 and those accepted.

    When a load ends, requests are in flight that it does not count: so many may be accepted more.
    """
    if 0 <= accepted - answered <= in_flight:
        return []
    return [f"{answered} events were answered with 200, {accepted} accepted"]
