"""Whether a large store takes events as quickly as an empty one."""

import time

from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.figures import ratio
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import Tracker
from bench.rig.wrk import drive

_ROUNDS = 3
_SECONDS = 20.0
_SMOKE_ROWS = 5_000


def ingest_when_full(bench: Bench, scenario: Scenario) -> Result:
    """The score is events/s with `rows` stored over that of an empty store, in turn.

    A round takes load on all cores and counts until all of it has landed.
    """
    full = bench.filled(_SMOKE_ROWS if bench.plan.smoke else scenario.rows)
    empty = bench.start_tracker()
    rates: dict[str, list[float]] = {"full": [], "empty": []}
    faults: list[str] = []
    try:
        for _ in range(min(_ROUNDS, bench.plan.rounds)):
            for name, tracker in (("full", full), ("empty", empty)):
                for each in (full, empty):  # what one has still to merge is not paid by the other
                    procs.wait_until_quiet(each.processes()["store"], bench.plan.settle_seconds)
                rates[name].append(_rate(bench, tracker, faults))
    finally:
        empty.discard()
    found = ratio(rates["full"], rates["empty"])
    result = Result(Figure(f"{scenario.rows:,} stored", "events/s", tuple(rates["full"])),
                    float("nan") if found is None else found.of_medians,
                    Figure("empty", "events/s", tuple(rates["empty"])), faults=faults)
    result.more = [Figure("ratio of pairs", "", tuple(
        mine / other for mine, other in zip(rates["full"], rates["empty"], strict=True)))]
    return result


def _rate(bench: Bench, tracker: Tracker, faults: list[str]) -> float:
    """Events/s from the first request until the last of them has landed."""
    before, start = tracker.landed(), time.monotonic()
    drive(bench.traffic(), tracker.url, 1.0 if bench.plan.smoke else _SECONDS)
    accepted, landed = bench.settle(tracker)
    taken = time.monotonic() - start
    if accepted != landed:
        faults.append(f"{landed} of {accepted} accepted events landed")
    return (landed - before) / taken
