"""Bytes on disk of an event, once its parts are merged.

Parts that a merge replaced are not counted: they go after some minutes, and take no more however
much there is.
"""

from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.wrk import drive

_REQUESTS = 240_000
_SECONDS = 6.0
_PARTS = ("SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active"
          " AND database = 'sfpla' GROUP BY table")
_COLUMNS = ("SELECT column, sum(column_data_compressed_bytes) AS size FROM system.parts_columns"
            " WHERE active AND database = 'sfpla' AND table = 'events' GROUP BY column"
            " ORDER BY size DESC LIMIT 10")


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
        of_column = {str(name): int(size) for name, size in tracker.sql(_COLUMNS)}
    finally:
        tracker.discard()
    total = sum(of_table.values()) / landed
    result = Result(Figure("tracker", "bytes", (total,)), total)
    result.more = [Figure(name, "bytes an event", (size / landed,))
                   for name, size in sorted(of_table.items(), key=lambda each: -each[1])[:5]]
    result.more += [Figure(f"events.{name}", "bytes an event", (size / landed,))
                    for name, size in of_column.items() if size]  # compact parts do not tell
    result.more.append(Figure("events", "", (float(landed),)))
    if accepted != landed:
        result.faults.append(f"{landed} of {accepted} accepted events landed")
    return result
