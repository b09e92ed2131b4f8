"""What the store process needs to bring events from the spool into the embedded engine."""

import contextlib
import os
import signal
import time
from collections.abc import Callable

from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import Tracker
from bench.rig.wrk import Load, drive

_FILL_SECONDS = 5.0
_LOOK_SECONDS = 0.25
_QUIET_PATIENCE_SECONDS = 20.0


def drain(bench: Bench, scenario: Scenario) -> Result:
    """Events/s of one core: events landed over the CPU time of the store process.

    Made traffic is accepted while the store process is stopped (SIGSTOP); then it goes on with
    nothing else running, until all has landed.
    """
    return _drain(bench, scenario, bench.traffic)


def drain_of_log(bench: Bench, scenario: Scenario) -> Result:
    """The same with the requests of a web server's log."""
    return _drain(bench, scenario, bench.log_traffic)


def _drain(bench: Bench, scenario: Scenario, load: Callable[[], Load]) -> Result:
    tracker = bench.start_tracker()
    try:
        rounds = [_round(bench, tracker, load())
                  for _ in range(min(scenario.rounds, bench.plan.rounds))]
        accepted, landed = bench.settle(tracker)
    finally:
        tracker.discard()
    per_core, wall, micros, with_merges, events = zip(*rounds, strict=True)
    ours = Figure("tracker", "events/s of a core", per_core)
    result = Result(ours, ours.spread.median)
    result.more = [
        Figure("on all cores", "events/s", wall),
        Figure("CPU", "µs an event", micros),
        Figure("CPU with the merges after it", "µs an event", with_merges),
        Figure("backlog", "events", events),
    ]
    if accepted != landed:
        result.faults.append(f"{landed} of {accepted} accepted events landed")
    return result


def second_store(bench: Bench, scenario: Scenario) -> Result:
    """CPU µs an event that a DuckDB file beside the embedded engine adds; rounds in turn."""
    with contextlib.ExitStack() as stack:
        alone = bench.start_tracker(Notify=[{"Service": "chdb"}])
        stack.callback(alone.discard)
        both = bench.start_tracker(Notify=[{"Service": "chdb"}, {"Service": "duckdb"}])
        stack.callback(both.discard)
        rounds = [(_round(bench, alone, bench.traffic()), _round(bench, both, bench.traffic()))
                  for _ in range(min(scenario.rounds, bench.plan.rounds))]
        counts = [bench.settle(tracker) for tracker in (alone, both)]
    micros = tuple(tuple(each[2] for each in side) for side in zip(*rounds, strict=True))
    theirs, ours = (Figure(name, "µs an event", values) for name, values in
                    zip(("chDB alone", "chDB and DuckDB"), micros, strict=True))
    result = Result(ours, ours.spread.median - theirs.spread.median, theirs)
    result.more = [Figure("more for DuckDB, of pairs", "µs an event", tuple(
        two - one for one, two in zip(micros[0], micros[1], strict=True)))]
    result.faults += [f"{landed} of {accepted} accepted events landed"
                      for accepted, landed in counts if accepted != landed]
    return result


def _round(bench: Bench, tracker: Tracker, load: Load,
           ) -> tuple[float, float, float, float, float]:
    store = tracker.processes()["store"]
    landed = tracker.landed()
    os.kill(store, signal.SIGSTOP)
    try:
        drive(load, tracker.url, 1.0 if bench.plan.smoke else _FILL_SECONDS)
        events = tracker.accepted() - landed
        cpu, start = procs.cpu_seconds(store), time.monotonic()
    finally:
        os.kill(store, signal.SIGCONT)
    until = start + 4 * bench.plan.settle_seconds
    while any(count < landed + events for count in tracker.landed_in_each()):
        if time.monotonic() > until:
            raise TimeoutError(f"{events} events did not land in {until - start:g} s")
        time.sleep(_LOOK_SECONDS)
    wall, spent = time.monotonic() - start, procs.cpu_seconds(store) - cpu
    if not bench.plan.smoke:
        procs.wait_until_quiet(store, _QUIET_PATIENCE_SECONDS)
    merged = procs.cpu_seconds(store) - cpu
    return (events / spent, events / wall, spent / events * 1e6, merged / events * 1e6,
            float(events))
