"""Half of what can be sustained, for long, with a dashboard open: does anything grow?"""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from bench.measures.dashboard import QUERIES
from bench.measures.rounds import count_faults
from bench.measures.sustain import sustain, until_landed
from bench.rig import procs, wrk
from bench.rig.bench import Bench
from bench.rig.figures import percentile, trend
from bench.rig.machine import Work
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import ServerFailed, Tracker

JUDGED_MINUTES = 10.0
"""A shorter run says nothing of growth: caches fill, and ids are remembered, for minutes."""
_CALIBRATION_MINUTES = 1.0
_PAUSE_MILLISECONDS = 20
_SAMPLE_SECONDS = 5.0
_WARM_SHARE = 1 / 3  # of the run: what grows until then may
_MEGABYTE = 1e6
_WORK = "fixed work, CPU"
_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 120.0
_ERRORS = ("tracker_door_errors_total", "tracker_spool_errors_total",
           "tracker_sequencer_errors_total", "tracker_store_errors_total",
           "tracker_query_errors_total", "tracker_spool_damaged_total")


class Dashboard(threading.Thread):
    """A dashboard that somebody looks at all the time: its queries one after another.

    Asks until `end`; `seconds` is how long each answer took, `faults` what went wrong."""

    def __init__(self, tracker: Tracker) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self.faults: list[str] = []
        self._tracker = tracker
        self._over = threading.Event()

    def run(self) -> None:
        """All queries in turn, with a short pause after each."""
        while True:
            for _, query in QUERIES:
                if self._over.wait(_PAUSE_SECONDS):
                    return
                began = time.monotonic()
                try:
                    self._tracker.sql(query)
                except (ServerFailed, OSError) as error:
                    self.faults.append(f"a query failed: {error}")
                else:
                    self.seconds.append(time.monotonic() - began)

    def end(self) -> None:
        """Ask nothing more; returns when the query in hand is answered."""
        self._over.set()
        self.join(_PATIENCE_SECONDS)
        if self.is_alive():
            self.faults.append(f"a query was not answered within {_PATIENCE_SECONDS:g} s")


def bounds(what: str, median: float) -> float:
    """What a quantity may grow by, from the first to the last third of the samples once warm."""
    match what:
        case "memory":
            return max(median * 0.05, 32.0)  # MB
        case "descriptors":
            return max(median * 0.10, 32.0)
        case _:
            return 1.0  # seconds of lag


def soak(bench: Bench, scenario: Scenario) -> Result:
    """Events/s landed; fails when memory, descriptors or lag grow once warm, or at any error."""
    rate = bench.plan.rate or _sustained(bench, scenario) * scenario.share
    seconds = max(bench.plan.minutes * 60, 2.0)
    tracker = bench.start_tracker()
    dashboard = Dashboard(tracker)
    try:
        dashboard.start()
        connections = max(round(rate * _PAUSE_MILLISECONDS / 1000), 1)
        load = bench.traffic(connections, pause=_PAUSE_MILLISECONDS)
        start = time.monotonic()
        with procs.held(wrk.start(load, tracker.url, seconds)) as child:
            series = _watch(bench, tracker, start, seconds)
            outcome = wrk.finish(child, seconds)
        dashboard.end()
        accepted, landed = until_landed(bench, tracker, seconds)
        took = time.monotonic() - start
        errors = {name: tracker.metrics().get(name, 0.0) for name in _ERRORS}
    finally:
        tracker.discard()
    ours = Figure("tracker", "events/s", (landed / took,))
    result = Result(ours, ours.spread.median, series=series)
    result.more = [
        Figure("rate asked for", "events/s", (rate,)),
        Figure("answered", "requests/s", (outcome.rate,)),
        Figure("p99 of an answer", "ms", (outcome.p99 * 1e3,)),
        Figure("dashboard queries", "", (float(len(dashboard.seconds)),)),
        Figure("p50 of a dashboard query", "s", (percentile(dashboard.seconds, 0.5),)),
        Figure("p99 of a dashboard query", "s", (percentile(dashboard.seconds, 0.99),)),
        Figure(_WORK, "ms", tuple(sample[_WORK] for sample in series)),
    ]
    judge(series, bench.plan.minutes, result)
    result.faults += dashboard.faults[:3] + count_faults(outcome.requests, accepted, connections)
    result.faults += [f"{name} is {count:g}" for name, count in errors.items() if count]
    if landed != accepted:
        result.faults.append(f"{landed} of {accepted} accepted events landed")
    return result


def judge(series: Sequence[dict[str, float]], minutes: float, result: Result) -> None:
    """Add a figure of each sampled quantity and of its growth, and a fault for what grew."""
    warm = series[int(len(series) * _WARM_SHARE):]
    for name in series[0] if series else ():
        what, _, process = name.partition(" of ")
        if what not in {"memory", "descriptors", "lag"}:
            continue
        unit = {"memory": "MB", "lag": "s"}.get(what, "")
        values = tuple(sample[name] for sample in warm)
        grew, most = trend(values), bounds(what, percentile(values, 0.5))
        result.more += [Figure(name, unit, values),
                        Figure(f"  it grew, once warm (≤ {most:.0f})", unit, (grew,))]
        if grew > most and minutes >= JUDGED_MINUTES:
            result.faults.append(f"{what} of {process} grew by {grew:.1f} {unit}, once warm")
    if minutes < JUDGED_MINUTES:
        result.notes.append(f"growth is judged from {JUDGED_MINUTES:g} minutes on")


def _sustained(bench: Bench, scenario: Scenario) -> float:
    """Events/s that can be sustained, measured for a minute where this run has not yet."""
    if bench.sustained is None:
        plan = bench.plan
        bench.plan = replace(plan, minutes=min(plan.minutes, _CALIBRATION_MINUTES))
        bench.say("how much can be sustained …")
        sustain(bench, scenario)
        bench.plan = plan
    assert bench.sustained is not None
    return bench.sustained


def _watch(bench: Bench, tracker: Tracker, start: float, seconds: float) -> list[dict[str, float]]:
    """A sample every few seconds until the load's time is over; says every minute how it goes."""
    gap = min(_SAMPLE_SECONDS, seconds / 10)
    series: list[dict[str, float]] = []
    work = Work()
    said = 0
    while (at := time.monotonic() - start) < seconds:
        series.append(_sample(tracker, at) | {_WORK: work.seconds() * 1e3})
        if at // 60 > said:
            said = int(at // 60)
            now = series[-1]
            bench.say(f"  minute {said} of {seconds / 60:g}: {now['landed']:,.0f} events landed,"
                      f" lag {now['lag of stores']:.1f} s, "
                      + ", ".join(f"{name[10:]} {value:.0f} MB" for name, value in now.items()
                                  if name.startswith("memory of ")))
        time.sleep(max(min(gap - (time.monotonic() - start - at),
                           seconds - (time.monotonic() - start)), 0))
    return series


def _sample(tracker: Tracker, at: float) -> dict[str, float]:
    said = tracker.metrics()
    sample = {"seconds": round(at, 1), "accepted": said["tracker_spool_events_total"],
              "landed": said["tracker_events_landed_total"],
              "lag of stores": said["tracker_store_lag_seconds"]}
    for name, pid in tracker.processes().items():
        sample[f"memory of {name}"] = procs.memory([pid]) / _MEGABYTE
        sample[f"descriptors of {name}"] = float(procs.descriptors(pid))
    return sample
