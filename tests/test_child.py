"""A process ends when its work is done, whatever else would run at its end."""

import subprocess
import sys

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
