"""What a dashboard asks, over a store of some size, through the query port."""

import statistics
import time

from bench.rig.bench import Bench
from bench.rig.scenario import Figure, Result, Scenario

_ROUNDS = 5
_SMOKE_ROWS = 5_000
_MONTH = "created_at > now() - INTERVAL 31 DAY"
_DAY = "created_at > now() - INTERVAL 1 DAY"

QUERIES: tuple[tuple[str, str], ...] = (
    ("visitors a day", ("SELECT toDate(created_at) AS day, uniq(vid), uniq(sid), count()"
     f" FROM events WHERE {_MONTH} GROUP BY day ORDER BY day")),
    ("views an hour, last day", ("SELECT toStartOfHour(created_at) AS hour, count(), uniq(vid)"
     f" FROM events WHERE {_DAY} GROUP BY hour ORDER BY hour")),
    ("top pages", ("SELECT path, count() AS views, uniq(vid) FROM events"
     f" WHERE {_MONTH} AND etyp = 'page' GROUP BY path ORDER BY views DESC LIMIT 20")),
    ("top referrers", ("SELECT referrer, count() AS events FROM events"
     f" WHERE {_MONTH} AND last != '' GROUP BY referrer ORDER BY events DESC LIMIT 20")),
    ("browsers and systems", ("SELECT browser, os, uniq(vid) AS visitors FROM events"
     f" WHERE {_MONTH} GROUP BY browser, os ORDER BY visitors DESC LIMIT 20")),
    ("campaigns", ("SELECT source, campaign, uniq(vid), countIf(ename = 'purchase'),"
     f" sumIf(score, ename = 'purchase') FROM events WHERE {_MONTH}"
     " AND source != '' GROUP BY source, campaign ORDER BY campaign")),
    ("a funnel", ("SELECT level, count() FROM (SELECT windowFunnel(86400)(toDateTime(created_at),"
     " ename = 'load', ename = 'click', ename = 'purchase') AS level FROM events"
     f" WHERE {_MONTH} GROUP BY vid) GROUP BY level ORDER BY level")),
    ("one visitor", ("SELECT created_at, ename, url FROM events WHERE vid ="
     " (SELECT any(vid) FROM (SELECT vid FROM events LIMIT 1)) ORDER BY created_at")),
    ("views a day, as counted", ("SELECT day, sum(total) FROM dailies GROUP BY day"
     " ORDER BY day")),
)
"""Each over all that there is, or over the last day, as its name says; the last of a derived
table."""


def dashboard(bench: Bench, scenario: Scenario) -> Result:
    """Seconds of the slowest query's median; all of them in turn, some rounds, nothing else."""
    rows = _SMOKE_ROWS if bench.plan.smoke else scenario.rows
    tracker = bench.filled(rows)
    held = int(tracker.sql("SELECT count() FROM events")[0][0])
    seconds: dict[str, list[float]] = {name: [] for name, _ in QUERIES}
    empty: set[str] = set()
    for _ in range(min(_ROUNDS, bench.plan.rounds)):
        for name, query in QUERIES:
            before = time.monotonic()
            answer = tracker.sql(query)
            seconds[name].append(time.monotonic() - before)
            if not answer:
                empty.add(name)
    slowest = max(seconds, key=lambda name: statistics.median(seconds[name]))
    ours = Figure(slowest, "s", tuple(seconds[slowest]))
    result = Result(ours, ours.spread.median,
                    faults=[f"{name}: no row came" for name in sorted(empty)])
    result.more = [Figure(name, "s", tuple(taken)) for name, taken in seconds.items()]
    result.more.append(Figure("events in the store", "", (float(held),)))
    counted = tracker.sql("SELECT sum(total) FROM dailies")[0][0]
    if int(counted) != held:
        result.faults.append(f"{held} events, but {counted} in what is derived of them")
    return result
