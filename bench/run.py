"""Runs the benchmark: `.venv/bin/python bench/run.py [NAME…]`, `--list` for the names.

Prints each scenario as it ends and a table of all, and writes bench/results/<date>.json.
"""

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # instead of this folder, whose modules are those of the package `bench`

from bench.peers.programs import NotInstalled, find
from bench.rig import charts, machine, page, report
from bench.rig.bench import Bench, Plan
from bench.rig.scenario import Scenario
from bench.rig.servers import ServerFailed
from bench.rig.wrk import LoadFailed
from bench.scenarios import SCENARIOS

RESULTS = ROOT / "bench" / "results"
CHARTS = ROOT / "docs" / "charts"


def main() -> int:
    """Run what was asked for; 1 when anything failed, however fast the rest was."""
    options = _options()
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:14} {scenario.about}")
        return 0
    _require_programs()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped
    plan = _plan(options)
    bench = Bench(plan, options.directory)
    facts = machine.facts(bench.folder)
    began = datetime.now(UTC)
    _introduce(bench, facts)
    try:
        entries = [_run(bench, scenario) for scenario in _chosen(options)]
    finally:
        bench.close()
    document = _finish(entries, facts, plan, began)
    if options.markdown:
        drawn = charts.draw(document, CHARTS)
        places = [(title, path.relative_to(page.PAGE.parent).as_posix()) for title, path in drawn]
        content = report.markdown(_tables(entries), places, facts, f"{began:%Y-%m-%d}")
        name = "soak" if options.names == ["soak"] else "bench-full" if options.full else "bench"
        page.put(name, content)
        if said := report.evidence(entries, facts, f"{began:%Y-%m-%d}"):
            page.put("evidence", said, page.FRONT)
        print("written:", page.PAGE, *(path for _, path in drawn))
    return int(any(entry.failed for entry in entries))


def _require_programs() -> None:
    """End with what to install when a program is missing without which nothing can be measured."""
    try:
        for name in ("nginx", "wrk"):
            find(name)
    except NotInstalled as missing:
        raise SystemExit(str(missing)) from None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the tracker beside others, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="scenarios; none is all of `make bench`")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    parser.add_argument("--smoke", action="store_true",
                        help="only whether everything works: a second each, no figure judged")
    parser.add_argument("--full", action="store_true",
                        help="what takes hours and tens of gigabytes; none named is all of that")
    parser.add_argument("--rounds", type=int, help="most rounds of each server")
    parser.add_argument("--seconds", type=float, help="most seconds of a round")
    parser.add_argument("--minutes", type=float, help="minutes of the sustained load and the soak")
    parser.add_argument("--rate", type=float, help="events/s of the soak (default: half of what"
                        " can be sustained, which is measured first)")
    parser.add_argument("--markdown", action="store_true",
                        help=f"put tables and charts into {page.PAGE.relative_to(ROOT)}")
    parser.add_argument("--directory", type=Path, default=ROOT / "build",
                        help="where data is written; the disk that is measured")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    if options.smoke:
        return Plan.for_smoke()
    plan = Plan.for_full() if options.full else Plan()
    said = {name: getattr(options, name) for name in ("rounds", "seconds", "minutes", "rate")}
    return replace(plan, **{name: value for name, value in said.items() if value is not None})


def _chosen(options: argparse.Namespace) -> list[Scenario]:
    unknown = set(options.names) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(sorted(unknown))}; --list names them")
    if options.names:
        return [scenario for scenario in SCENARIOS if scenario.name in options.names]
    run = "smoke" if options.smoke else "full" if options.full else "short"
    return [scenario for scenario in SCENARIOS if getattr(scenario, run)]


def _introduce(bench: Bench, facts: dict[str, object]) -> None:
    cores = bench.cores
    store = ("a core of its own" if cores.store not in {cores.server, cores.load} else
             "the load's core while nothing else wants it (SCHED_IDLE), in the rounds of both")
    bench.say(f"{facts['cpu']}, {facts['cores']} cores, {facts['filesystem']}, load before: "
              f"{facts['load_before']}")
    bench.say(f"compared servers: one worker on core {cores.server}, wrk on core {cores.load}, "
              f"the store process on {store}. All else: on all cores.\n")


def _run(bench: Bench, scenario: Scenario) -> report.Entry:
    began = time.monotonic()
    sync = machine.sync_seconds(bench.folder)
    result, error = None, None
    try:
        result = scenario.measure(bench, scenario)
    except (ServerFailed, LoadFailed, OSError, LookupError, ZeroDivisionError) as failure:
        error = f"{type(failure).__name__}: {failure}"
        bench.drop_tracker()
    entry = report.Entry(scenario, result, error, *sync)
    print(f"{report.block(entry)}\n  took {time.monotonic() - began:.0f} s\n", flush=True)
    return entry


def _finish(entries: list[report.Entry], facts: dict[str, object], plan: Plan, began: datetime,
            ) -> dict[str, Any]:
    """Print the tables and write the document; gives the document."""
    for rows in filter(None, _tables(entries, smoke=plan.smoke)):
        print(f"{report.plain(rows)}\n")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{began:%Y-%m-%dT%H-%M-%S}{'-smoke' if plan.smoke else ''}.json"
    document = report.document(entries, facts, asdict(plan), smoke=plan.smoke)
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written: {path}")
    return document


def _tables(entries: list[report.Entry], *, smoke: bool = False) -> list[list[list[str]]]:
    return [report.table(entries, smoke=smoke), report.cpu_table(entries),
            report.rivals_table(entries),
            report.questions_table(entries), report.growth_table(entries)]


if __name__ == "__main__":
    raise SystemExit(main())
