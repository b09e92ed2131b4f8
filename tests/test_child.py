"""A process runs our code alone, and ends when its work is done, whatever else would run then."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.geodata import V4, csv_of
from harness.process import eventually, running

SCRIPT = """
import atexit, time
from tracker.child import _leave
atexit.register(time.sleep, 60)
print("done")
_leave()
"""


def test_a_process_ends_though_what_runs_at_an_end_hangs() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=False, capture_output=True,
                          text=True, timeout=30)

    assert (0, "done\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.server
def test_no_module_of_the_folder_it_is_started_in_is_loaded(tmp_path: Path) -> None:
    for name in ("tracker", "uvloop", "structlog", "chdb", "numpy", "msgspec", "maxminddb"):
        (tmp_path / f"{name}.py").write_text(
            "open('loaded', 'a').write(__name__)\nraise ImportError(__name__)\n")
    (tmp_path / "places.csv").write_bytes(csv_of(V4))
    with running(tmp_path, UseGeoIP=True, GeoIPFiles=["places.csv"]) as tracker:
        eventually(lambda: tracker.health()["places"]["version"] is not None, 20, "places are read")
        eventually(lambda: tracker.health()["status"] == "ok", 20, "it is ok")
    assert not (tmp_path / "loaded").exists()
