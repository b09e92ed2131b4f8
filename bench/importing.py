"""Lines per second of CPU time that one core imports: read, understood, and synced in the spool.

    python bench/importing.py [lines]

Reads a real log where it is present, over and over, with addresses that change.
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

LINES = 420_000
LOGS = (Path(__file__).parents[2] / "shared" / "data" / "access.log.gz",
        Path(__file__).parents[1] / "examples" / "access.log")


def main() -> None:
    """Measure."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    path = next(path for path in LOGS if path.exists())
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "access.log")
        with log.open("wb") as out:
            for number in range(wanted):
                line = lines[number % len(lines)]
                again = number // len(lines)
                out.write(b"10.%d.%d.%b" % (again >> 8, again & 255, line.partition(b".")[2]
                                           .partition(b".")[2].partition(b".")[2]))
        Path(folder, "config.json").write_text(json.dumps({"DataDirectory": "data"}))
        _import(folder, os.devnull)  # makes the data directory
        before = _cpu()
        _import(folder, os.devnull)
        start = _cpu() - before
        before = _cpu()
        _import(folder, str(log))
        took = _cpu() - before - start
        spool = sum(file.stat().st_blocks * 512 for file in Path(folder, "data").rglob("*")
                    if file.is_file())
        print(f"{path.name}: {wanted} lines, {took:.2f} s of CPU time beside {start:.2f} s of"
              f" start: {wanted / took:,.0f} lines a second and core,"
              f" {took / wanted * 1e6:.1f} µs and at most {spool / wanted:.0f} bytes a line")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _import(folder: str, log: str) -> None:
    subprocess.run([sys.executable, "-m", "tracker", "import", "--host", "www.example.com", log],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
