"""Runs fuzzing: `.venv/bin/python -m fuzz.run [NAME…]`, `--list` for the names.

Each target has a process of its own, which keeps what it finds new under `build/fuzz/corpus`.
A finding ends a target; its input is kept under `build/fuzz/findings` and goes into a test.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fuzz.live import LIVE
from fuzz.target import Target
from fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "fuzz"
MINUTES = 5
SHORT_SECONDS, SHORT_RUNS = 10, 3_000
START_SECONDS = 2  # until a target runs
ROUND = 200_000
"""Inputs of one process: what counts its ways through the code takes memory with each."""

_STAT = re.compile(r"stat::(\w+): +(\d+)")
_SLOWEST = re.compile(r"^slowest: ([0-9.]+)$", re.MULTILINE)
_TRACE = 25


class Plan(NamedTuple):
    """When a target ends: after so many seconds, or inputs where their number is given.

    With a `seed` the inputs are the same every time, as long as the parsers are.
    """

    seconds: float
    runs: int | None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one target."""

    name: str
    inputs: int
    seconds: float
    slowest: float
    mib: int
    finding: str

    def line(self) -> str:
        """It in a table: inputs, all seconds, the slowest input, the largest process."""
        found = "FINDING" if self.finding else "none"
        return (f"{self.name:15} {self.inputs:>11,} {self.seconds:>7,.0f} s"
                f" {self.inputs / max(self.seconds, 1):>7,.0f}/s {self.slowest * 1000:>6,.1f} ms"
                f" {self.mib:>6} MiB  {found}")


def main() -> int:
    """Run what was asked for; 1 when there is a finding."""
    options = _options()
    if options.list:
        for target in TARGETS:
            print(f"{target.name:15} {target.holds}")
        for live in LIVE:
            print(f"{live.name:15} {live.holds}")
        return 0
    chosen = [target for target in TARGETS if not options.names or target.name in options.names]
    (FOLDER / "findings").mkdir(parents=True, exist_ok=True)
    plan = _plan(options, len(chosen))
    with ThreadPoolExecutor(options.jobs) as pool:
        results = []
        for result in pool.map(lambda target: _run(target, plan), chosen):
            results.append(result)
            print(result.line(), flush=True)
    for live in LIVE:
        count = getattr(options, live.name)
        if count:
            print(live.run(count, options.seed, FOLDER), flush=True)
    for result in results:
        if result.finding:
            print(f"\n{result.name}: {result.finding}")
    return int(any(result.finding for result in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz.run",
                                     description="Throw bytes at every parser of the tracker.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="targets; none is all")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--minutes", type=float,
                        help=f"for all pure parsers together (default {MINUTES}, without --runs)")
    parser.add_argument("--runs", type=int, help="inputs of each pure parser, at most")
    parser.add_argument("--short", action="store_true",
                        help="a few thousand inputs for each, the same every time")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)),
                        help="targets at once (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1,
                        help="of what is sent by HTTP and to files, and with --short")
    for live in LIVE:
        parser.add_argument(f"--{live.name}", type=int, default=0, help=live.holds)
    options = parser.parse_args()
    known = {target.name for target in TARGETS} | {live.name for live in LIVE}
    if unknown := set(options.names) - known:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; --list names them")
    return options


def _plan(options: argparse.Namespace, targets: int) -> Plan:
    if options.short:
        return Plan(SHORT_SECONDS, SHORT_RUNS, options.seed)
    minutes = options.minutes or (math.inf if options.runs else MINUTES)
    return Plan(max(1, minutes * 60 * options.jobs / max(targets, 1) - START_SECONDS), options.runs)


def _run(target: Target, plan: Plan) -> Result:
    """Fuzz one target, round by round, each in a process of its own."""
    began = time.monotonic()
    inputs, seconds, slowest, mib, finding = 0, 0.0, 0.0, 0, ""
    while not finding:
        left = plan.seconds - (time.monotonic() - began)
        runs = min(ROUND, (plan.runs or math.inf) - inputs)
        if runs <= 0 or (inputs and left < 1):
            break
        started = time.monotonic()
        status, text = _round(target, int(runs), left, plan.seed)
        stats = dict(_STAT.findall(text))
        inputs += int(stats.get("number_of_executed_units", 0))
        seconds += time.monotonic() - started
        slowest = max([slowest, *map(float, _SLOWEST.findall(text))])
        mib = max(mib, int(stats.get("peak_rss_mb", 0)))
        finding = "" if status == 0 else _reason(text, status)
    return Result(target.name, inputs, seconds, slowest, mib, finding)


def _round(target: Target, runs: int, seconds: float, seed: int | None) -> tuple[int, str]:
    """Exit status and words of one process."""
    bounds = [f"-runs={runs}", *([] if seed is None else [f"-seed={seed}"])]
    if seconds < math.inf:
        bounds.append(f"-max_total_time={max(1, int(seconds))}")
    child = subprocess.run(
        [sys.executable, "-m", "fuzz.child", target.name, str(FOLDER / "corpus" / target.name),
         *bounds, f"-artifact_prefix={FOLDER / 'findings' / target.name}-"],
        cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    return child.returncode, child.stdout + child.stderr


def _reason(text: str, status: int) -> str:
    """The end of what a child said, less libFuzzer's own lines."""
    lines = [line for line in text.splitlines()
             if not line.startswith(("INFO", "stat::", "slowest: ", "#", '"', "MS:"))]
    return f"exit {status}\n" + "\n".join(lines[-_TRACE:])


if __name__ == "__main__":
    raise SystemExit(main())
