"""Whether workers get in each other's way: CPU of a request with two of them beside one."""

import contextlib
import os
from dataclasses import replace

from bench.measures.rounds import Rounds, aside, check, foreign, in_turn
from bench.peers.base import Web
from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.figures import ratio
from bench.rig.scenario import Figure, Result, Scenario

_ONE, _TWO = ("w0",), ("w0", "w1")


def two_workers(bench: Bench, scenario: Scenario) -> Result:
    """The score is CPU µs a request with two workers over that with one; less is better.

    Each worker has as many connections as the scenario says, so that groups that share a sync are
    as large. Workers and load are on all cores; the store processes run while nothing else wants
    these, in the rounds of both sides.
    """
    one_load = bench.load(scenario.load)
    two_load = replace(one_load, connections=2 * one_load.connections)
    everywhere = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        one = bench.start_tracker(Workers=1)
        stack.callback(one.discard)
        two = bench.start_tracker(Workers=2)
        stack.callback(two.discard)
        sides = [Rounds("one worker", Web(one, one_load), "w0",
                        connections=one_load.connections),
                 Rounds("two workers", Web(two, two_load), "w0",
                        connections=two_load.connections)]
        stack.enter_context(procs.pinned(one.processes()["w0"], everywhere))  # as the two are
        before = [tracker.accepted() for tracker in (one, two)]
        with aside(one, everywhere), aside(two, everywhere):
            in_turn(bench, sides, scenario.rounds, bench.seconds(scenario), everywhere)
        result = _result(*sides)
        for tracker, side, count in zip((one, two), sides, before, strict=True):
            check(bench, tracker, [side], count, result)
    return result


def _result(one: Rounds, two: Rounds) -> Result:
    ours = Figure("two workers", "µs a request", two.micros(*_TWO))
    theirs = Figure("one worker", "µs a request", one.micros(*_ONE))
    found = ratio(ours.values, theirs.values)
    result = Result(ours, float("nan") if found is None else found.of_medians, theirs)
    result.more = [Figure("rate of two workers", "events/s", two.event_rates),
                   Figure("rate of one worker", "events/s", one.event_rates),
                   Figure("share of the first of two", "", tuple(
                       first / (first + second) if first + second else float("nan")
                       for first, second in zip(two.cpu["w0"], two.cpu["w1"], strict=True))),
                   foreign((one, two))]
    return result
