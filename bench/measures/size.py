"""Bytes on disk of an event, once its parts are merged."""

from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.wrk import drive

_REQUESTS = 120_000
_SECONDS = 3.0
_PARTS = ("SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active"
          " AND database = 'sfpla' GROUP BY table")


def bytes_per_event(bench: Bench, scenario: Scenario) -> Result:
    """All tables together, an event; made traffic in which no request comes twice."""
    del scenario
    tracker = bench.start_tracker()
    try:
        drive(bench.traffic(count=_REQUESTS), tracker.url, 1.0 if bench.plan.smoke else _SECONDS)
        accepted, landed = bench.settle(tracker)
        if not bench.plan.smoke:
            procs.wait_until_quiet(tracker.processes()["store"], bench.plan.settle_seconds)
        of_table = {str(name): int(size) for name, size in tracker.sql(_PARTS)}
    finally:
        tracker.discard()
    total = sum(of_table.values()) / landed
    result = Result(Figure("tracker", "bytes", (total,)), total)
    result.more = [Figure(name, "bytes an event", (size / landed,))
                   for name, size in sorted(of_table.items(), key=lambda each: -each[1])[:5]]
    result.more.append(Figure("events", "", (float(landed),)))
    if accepted != landed:
        result.faults.append(f"{landed} of {accepted} accepted events landed")
    return result
