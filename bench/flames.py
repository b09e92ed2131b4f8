"""Flame graphs of each process under load, as SVG.

    python bench/flames.py [--rate 10000] [--seconds 20] [--publish]

A dashboard asks its queries meanwhile. Needs py-spy (`make profile` installs it) and, on most
systems, root. Writes all that was seen into build/flames, with the folded stacks, which other
tools read; `--publish` puts what is wide enough into docs/flames too. `bench/stages.py` gives
figures for the store process; these pictures show what they are made of.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # instead of this folder, whose modules are those of the package `bench`

from bench.measures.soak import Dashboard
from bench.rig import flame, procs, wrk
from bench.rig.bench import Bench, Plan

DRAWN = ROOT / "build" / "flames"
PUBLISHED = ROOT / "docs" / "flames"
_SAMPLES = 200  # a second
_WARM_SECONDS = 5.0
_AROUND_SECONDS = 10.0  # the load runs so much longer than it is watched
_LEAST, _LEAST_PUBLISHED = 0.0005, 0.004  # shares of the whole
_PROCESSES = {"w0": "worker", "store": "store process", "query": "query process"}


def main() -> None:
    """Draw as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=10_000, help="events/s; 0 is all it takes")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--publish", action="store_true",
                        help=f"small pictures into {PUBLISHED.relative_to(ROOT)}")
    options = parser.parse_args()
    spy = shutil.which("py-spy", path=Path(sys.executable).parent)
    if spy is None:
        raise SystemExit("py-spy is not installed: pip install --require-hashes"
                         " --requirement locks/profile.txt")
    DRAWN.mkdir(parents=True, exist_ok=True)
    bench = Bench(Plan(), ROOT / "build")
    tracker = bench.start_tracker()
    dashboard = Dashboard(tracker)
    try:
        load = bench.traffic(rate=options.rate)
        with procs.held(wrk.start(load, tracker.url, options.seconds + _AROUND_SECONDS)):
            dashboard.start()
            time.sleep(_WARM_SECONDS)
            busy = _watch(spy, tracker.processes(), options.seconds)
            dashboard.end()
    finally:
        tracker.discard()
        bench.close()
    if dashboard.faults:
        raise SystemExit(dashboard.faults[0])
    rate = f"{options.rate:,.0f} events/s" if options.rate else "all it takes"
    for name, what in _PROCESSES.items():
        _draw(name, f"{what}: {rate}, {busy[name]:.2f} cores", publish=options.publish)


def _watch(spy: str, pids: dict[str, int], seconds: float) -> dict[str, float]:
    """Sample all processes at once; the cores that each took meanwhile."""
    before = {name: procs.cpu_seconds(pids[name]) for name in _PROCESSES}
    watching = {name: subprocess.Popen(
        [spy, "record", "--pid", str(pids[name]), "--output", str(_folded(name)),
         "--format", "raw", "--rate", str(_SAMPLES), "--duration", str(round(seconds)),
         "--threads", "--nonblocking"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in _PROCESSES}
    failed = [name for name, child in watching.items() if child.wait()]
    if failed:
        raise SystemExit(f"py-spy could not watch {', '.join(failed)}")
    return {name: (procs.cpu_seconds(pids[name]) - was) / seconds for name, was in before.items()}


def _folded(name: str) -> Path:
    return DRAWN / f"{name}.folded"


def _draw(name: str, title: str, *, publish: bool) -> None:
    root = flame.read(_folded(name).read_text(), title)
    for directory, least in ((DRAWN, _LEAST), (PUBLISHED, _LEAST_PUBLISHED)):
        if directory is DRAWN or publish:
            directory.mkdir(exist_ok=True)
            path = directory / f"{name}.svg"
            path.write_text(flame.draw(root, least))
            sys.stdout.write(f"written: {path}\n")


if __name__ == "__main__":
    main()
