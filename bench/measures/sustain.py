"""Everything at once on all cores, for minutes: does what is accepted also land, and keep up?"""

import time

from bench.measures.rounds import count_faults
from bench.rig import procs, wrk
from bench.rig.bench import Bench
from bench.rig.figures import trend
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import Tracker

_SAMPLE_SECONDS = 1.0
_ENOUGH = 0.995  # of a fixed rate: the load knows only milliseconds
_CONNECTIONS = 128  # of a fixed rate, so that hardly ever all of them wait
_MEGABYTE = 1e6
_LAG = "lag of the oldest event"


def sustain(bench: Bench, scenario: Scenario) -> Result:
    """Events/s from the first request until the last event landed; load, edge, store unpinned.

    At a fixed rate it is the greatest lag of the oldest event, seconds; and less accepted than was
    offered is a fault.
    """
    minutes = bench.plan.minutes if bench.plan.smoke else scenario.minutes or bench.plan.minutes
    seconds = max(minutes * 60, 1.0)
    tracker = bench.start_tracker()
    try:
        load = (bench.traffic(_CONNECTIONS, rate=scenario.rate) if scenario.rate
                else bench.traffic(scenario.load.connections))
        pids = tracker.processes()
        before = {name: procs.cpu_seconds(pid) for name, pid in pids.items()}
        start = time.monotonic()
        with procs.held(wrk.start(load, tracker.url, seconds)) as child:
            series = _watch(tracker, start, seconds)
            outcome = wrk.finish(child, seconds)
        loaded = time.monotonic() - start
        at_end = tracker.metrics()["tracker_events_landed_total"]
        accepted, landed = until_landed(bench, tracker, seconds)
        took = time.monotonic() - start
        cpu = {name: procs.cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    finally:
        tracker.discard()
    if not scenario.rate:
        bench.sustained = landed / took
    bench.loaded = tuple(sample["memory"] / _MEGABYTE for sample in series)
    result = _result(series, landed, took, cpu)
    result.more[:0] = [
        Figure("accepted while the load ran", "events/s", (accepted / loaded,)),
        Figure("landed while the load ran", "events/s", (at_end / loaded,)),
        Figure("landing the rest took", "s", (took - loaded,)),
        Figure("p50 of an answer, closed loop", "ms", (outcome.p50 * 1e3,)),
        Figure("p99 of an answer, closed loop", "ms", (outcome.p99 * 1e3,)),
    ]
    result.faults += count_faults(outcome.requests, accepted, load.connections)
    if landed != accepted:
        result.faults.append(f"{landed} of {accepted} accepted events landed")
    if scenario.rate:  # a smoke run offers no such rate
        _judge_lag(result, 0.0 if bench.plan.smoke else scenario.rate, accepted / loaded)
    return result


def _judge_lag(result: Result, offered: float, accepted: float) -> None:
    lag = next(figure for figure in result.more if figure.label == _LAG)
    result.more.insert(0, result.ours)
    result.ours = Figure("tracker, most", "s", (lag.spread.most,))
    result.score = lag.spread.most
    if accepted < offered * _ENOUGH:
        result.faults.append(f"{accepted:,.0f} of {offered:,.0f} events/s offered were accepted")


def _watch(tracker: Tracker, start: float, seconds: float) -> list[dict[str, float]]:
    """A sample each second until the load's time is over."""
    series = []
    while (at := time.monotonic() - start) < seconds:
        said = tracker.metrics()
        series.append({
            "seconds": round(at, 2), "accepted": said["tracker_spool_events_total"],
            "landed": said["tracker_events_landed_total"],
            "lag_events": said["tracker_store_lag_events"],
            "lag_seconds": said["tracker_store_lag_seconds"],
            "memory": float(procs.memory(tracker.family()))})
        time.sleep(max(min(_SAMPLE_SECONDS, seconds - (time.monotonic() - start)), 0))
    return series


def until_landed(bench: Bench, tracker: Tracker, seconds: float) -> tuple[int, int]:
    """Wait so long at most until all has landed; accepted and landed events."""
    accepted, landed = bench.settle(tracker)
    until = time.monotonic() + seconds
    while landed < accepted and time.monotonic() < until:
        accepted, landed = bench.settle(tracker)
    return accepted, landed


def _result(series: list[dict[str, float]], landed: int, took: float,
            cpu: dict[str, float]) -> Result:
    memory = [sample["memory"] / _MEGABYTE for sample in series]
    lag = tuple(sample["lag_seconds"] for sample in series)
    ours = Figure("tracker", "events/s", (landed / took,))
    result = Result(ours, ours.spread.median, series=series)
    result.more = [
        Figure(_LAG, "s", lag),
        Figure("lag grew by, first to last third", "s", (trend(lag),)),
        Figure("memory of all processes", "MB", tuple(memory)),
        Figure("memory grew by, once warm", "MB", (trend(memory[len(memory) // 3:]),)),
        *(Figure(f"CPU of {name}", "µs an event", (spent / landed * 1e6,))
          for name, spent in cpu.items() if name != "supervisor"),
    ]
    return result
