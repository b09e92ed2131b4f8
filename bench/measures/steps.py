"""What one core does of single steps of the way, with nothing else beside them."""

import random
import statistics
from pathlib import Path

from bench import geoip, refine
from bench.rig.apart import apart
from bench.rig.bench import Bench
from bench.rig.scenario import Figure, Result, Scenario
from tracker.landing import GC_YOUNG
from tracker.machine import calm_gc

_BATCH = 10_000
_SMOKE = 100
_SMOKE_SHARE = 0.001
_BROWSERS = "heads of browsers"


def refining(bench: Bench, scenario: Scenario) -> Result:
    """Events/s of a core from hits to a batch's table, without reading or writing."""
    rows = _SMOKE if bench.plan.smoke else _BATCH
    found = apart(_refine, rows, min(scenario.rounds, bench.plan.rounds))
    rates = {name: Figure(name, scenario.unit, tuple(1e6 / each for each in micros))
             for name, (_, micros) in found.items()}
    ours = rates.pop(_BROWSERS)
    result = Result(ours, ours.spread.median)
    result.more = [
        *rates.values(),
        Figure(f"{_BROWSERS}, the first batch", scenario.unit, (1e6 / found[_BROWSERS][0],)),
        Figure(_BROWSERS, "µs an event", tuple(found[_BROWSERS][1]))]
    return result


def _refine(rows: int, rounds: int) -> dict[str, tuple[float, list[float]]]:
    """µs an event by kind of traffic: of the first batch, with all caches cold, and of others."""
    random.seed(7)
    calm_gc(GC_YOUNG)
    found = {}
    for name, make in refine.KINDS.items():
        first, *others = refine.micros(refine.new_refinery(), make(rows), 1 + rounds)
        found[name] = first, others
    return found


def looking_up(bench: Bench, scenario: Scenario) -> Result:
    """Places of addresses in a file as large as the largest free one."""
    path = bench.new_path("places")
    ranges, found = apart(_look_up, path, _SMOKE_SHARE if bench.plan.smoke else 1.0,
                          min(scenario.rounds, bench.plan.rounds))
    figures = [Figure(name, scenario.unit, tuple(rates)) for name, rates in found.items()]
    result = Result(figures[0], statistics.median(figures[0].values))
    result.more = [*figures[1:], Figure("ranges", "", (float(ranges),)),
                   Figure("file", "MB", (path.stat().st_size / 1e6,))]
    path.unlink()
    return result


def _look_up(path: Path, share: float, rounds: int) -> tuple[int, dict[str, list[float]]]:
    random.seed(7)
    return geoip.make_form(path, share), geoip.lookups(path, rounds)
