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

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # instead of this folder, whose modules are those of the package `bench`

from bench.rig import machine, report  # noqa: E402
from bench.rig.bench import Bench, Plan  # noqa: E402
from bench.rig.scenario import Scenario  # noqa: E402
from bench.rig.servers import ServerFailed, require_programs  # noqa: E402
from bench.rig.wrk import LoadFailed  # noqa: E402
from bench.scenarios import SCENARIOS  # noqa: E402

RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "performance.md"


def main() -> int:
    """Run what was asked for; 1 when anything failed, however fast the rest was."""
    options = _options()
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:14} {scenario.about}")
        return 0
    require_programs()
    page = PAGE.read_text() if options.markdown else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped
    plan = _plan(options)
    bench = Bench(plan, options.directory)
    facts = machine.facts(bench.folder)
    began = datetime.now(UTC)
    _introduce(bench, facts)
    try:
        entries = [_run(bench, scenario) for scenario in _chosen(options.names)]
    finally:
        bench.close()
    rows = _finish(entries, facts, plan, began)
    if page is not None:
        PAGE.write_text(report.place(page, report.markdown(rows, facts, f"{began:%Y-%m-%d}")))
        print(f"written: {PAGE}")
    return int(any(entry.failed for entry in entries))


def _options() -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(description="Measure the tracker beside nginx, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios; none is all")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    parser.add_argument("--smoke", action="store_true",
                        help="only whether everything works: a second each, no figure judged")
    parser.add_argument("--rounds", type=int, default=plan.rounds,
                        help="rounds of each server (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=plan.seconds,
                        help="seconds of a round (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=plan.minutes,
                        help="minutes of the sustained load (default %(default)s)")
    parser.add_argument("--markdown", action="store_true",
                        help=f"put the table into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--directory", type=Path, default=ROOT / "build",
                        help="where data is written; the disk that is measured")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    if options.smoke:
        return Plan.for_smoke()
    return replace(Plan(), rounds=options.rounds, seconds=options.seconds, minutes=options.minutes)


def _chosen(names: list[str]) -> list[Scenario]:
    unknown = set(names) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(sorted(unknown))}; --list names them")
    return [scenario for scenario in SCENARIOS if not names or scenario.name in names]


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
            ) -> list[list[str]]:
    """Print the table and write the document; gives the table."""
    rows = report.table(entries, smoke=plan.smoke)
    print(report.plain(rows))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{began:%Y-%m-%dT%H-%M-%S}{'-smoke' if plan.smoke else ''}.json"
    document = report.document(entries, facts, asdict(plan), smoke=plan.smoke)
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nwritten: {path}")
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
