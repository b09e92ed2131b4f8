"""Flame graphs of each process under load, as SVG.

    python bench/flames.py [--rate 10000] [--seconds 10] [--native] [--to build/flames]

Needs py-spy (`pip install py-spy`, not in the lock) and, on most systems, root. `--native` shows
the C below Python too, and slows what is watched. `bench/stages.py` gives figures for the store
process; these pictures show what they are made of.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # instead of this folder, whose modules are those of the package `bench`

from bench.rig import wrk  # noqa: E402
from bench.rig.bench import Bench, Plan  # noqa: E402
from bench.rig.procs import held  # noqa: E402

_SAMPLES = 200  # a second
_AROUND_SECONDS = 5.0  # the load runs so much longer than it is watched


def main() -> None:
    """Draw as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=10_000, help="events/s; 0 is all it takes")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--native", action="store_true", help="with what is below Python")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "flames")
    options = parser.parse_args()
    spy = shutil.which("py-spy")
    if spy is None:
        raise SystemExit("py-spy is not in PATH: pip install py-spy")
    options.to.mkdir(parents=True, exist_ok=True)
    bench = Bench(Plan(), ROOT / "build")
    tracker = bench.start_tracker()
    try:
        load = bench.traffic(rate=options.rate)
        with held(wrk.start(load, tracker.url, options.seconds + _AROUND_SECONDS)):
            watching = [
                (name, _watch(spy, pid, options.to / f"{name}.svg", options))
                for name, pid in tracker.processes().items() if name != "supervisor"]
            failed = [name for name, child in watching if child.wait()]
    finally:
        tracker.discard()
        bench.close()
    if failed:
        raise SystemExit(f"py-spy could not watch {', '.join(failed)}")
    sys.stdout.write(f"written: {options.to}\n")


def _watch(spy: str, pid: int, path: Path, options: argparse.Namespace,
           ) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [spy, "record", "--pid", str(pid), "--output", str(path), "--format", "flamegraph",
         "--rate", str(_SAMPLES), "--duration", str(round(options.seconds)), "--threads",
         "--nonblocking", *(["--native"] if options.native else [])],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
