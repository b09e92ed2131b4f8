"""Requests/s beside other servers, each with its own guarantee; all of them in turn."""

import contextlib
import statistics
from collections.abc import Iterator

from bench.measures.rounds import Rounds, check_shared, foreign, in_turn, note_limits, placed
from bench.peers.base import Peer, Running, Web
from bench.peers.programs import NotInstalled
from bench.rig.bench import Bench
from bench.rig.figures import ratio
from bench.rig.scenario import Figure, Result, Rival, Scenario
from bench.rig.servers import ServerFailed


def rivals(bench: Bench, scenario: Scenario) -> Result:
    """The score is the ratio of medians to the best of those that are installed."""
    result = Result(Figure("tracker", "events/s", ()), float("nan"))
    with contextlib.ExitStack() as stack:
        theirs = {peer.name: (peer, stack.enter_context(running))
                  for peer in scenario.peers
                  if (running := _running(bench, peer, result)) is not None}
        if theirs:
            _measure(bench, scenario, theirs, result)
        else:
            result.notes.append("none of its peers runs: nothing was measured")
    return result


def _measure(bench: Bench, scenario: Scenario, theirs: dict[str, tuple[Peer, Running]],
             result: Result) -> None:
    tracker, load = bench.tracker(), bench.load(scenario.load)
    ours = Rounds("tracker", Web(tracker, load), "w0", load.events, load.connections)
    sides = [Rounds(name, side, next(iter(side.processes()), ""))
             for name, (_, side) in theirs.items()]
    before = tracker.accepted()
    with placed(bench.cores, [tracker]):
        in_turn(bench, (ours, *sides), scenario.rounds, bench.seconds(scenario))
    result.rivals = [_rival(ours, each, *theirs[each.name]) for each in sides]
    result.ours = Figure("tracker", "events/s", ours.event_rates)
    best = max(result.rivals, key=lambda rival: rival.rate.spread.median)
    result.peer, result.score = best.rate, best.ratio
    result.more = [Figure("CPU of the edge", "µs a request", ours.micros("w0")),
                   foreign((ours, *sides))]
    note_limits((ours, *sides), result)
    check_shared(bench, tracker, [ours], before, result)


def _running(bench: Bench, peer: Peer, result: Result,
             ) -> contextlib.AbstractContextManager[Running] | None:
    """None for one that is not installed, which is noted, or does not start, which is a fault."""
    try:
        return _stopped(peer.start(bench, bench.new_path("peer")))
    except NotInstalled as missing:
        result.notes.append(f"{peer.name}: left out: {missing}")
    except (ServerFailed, OSError) as failure:
        result.faults.append(f"{peer.name}: {failure}")
    return None


@contextlib.contextmanager
def _stopped(peer: Running) -> Iterator[Running]:
    try:
        yield peer
    finally:
        peer.stop()


def _rival(ours: Rounds, theirs: Rounds, peer: Peer, side: Running) -> Rival:
    found = ratio(ours.event_rates, theirs.rates)
    if found is None:
        raise ZeroDivisionError(f"a round of {peer.name} answered nothing")
    kept = side.kept()
    return Rival(
        peer.name, peer.promise, peer.durable,
        rate=Figure(peer.name, "events/s", tuple(theirs.rates)), ratio=found.of_medians,
        p99=statistics.median(theirs.latencies),
        micros=statistics.median(theirs.micros(theirs.main)) if theirs.main else None,
        kept=None if kept is None else kept / theirs.answered)
