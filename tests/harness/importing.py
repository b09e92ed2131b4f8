"""`tracker import` as a process of its own, into the data of a tracker that may run or not."""

import subprocess
import sys

from harness.process import TrackerProcess


def start_import(tracker: TrackerProcess, *arguments: str) -> subprocess.Popen[str]:
    """Start an import."""
    return subprocess.Popen(
        [sys.executable, "-m", "tracker", "import", "--config",
         str(tracker.folder / "config.json"), *arguments],
        cwd=tracker.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_import(tracker: TrackerProcess, *arguments: str) -> str:
    """Import; gives back what it said."""
    with start_import(tracker, *arguments) as child:
        said, complained = child.communicate(timeout=120)
    assert 0 == child.returncode, complained
    return said + complained
