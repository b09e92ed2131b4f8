"""Which cores the processes keep to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.process import TrackerProcess

CORES = sorted(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="this machine has a single core")


def cores_after(call: str, allowed: list[int]) -> list[int]:
    """The cores of a process with these that made a call of `tracker.machine`."""
    script = (f"import os; from tracker import machine; os.sched_setaffinity(0, {allowed});"
              f" machine.{call}; print(*sorted(os.sched_getaffinity(0)))")
    printed = subprocess.check_output([sys.executable, "-c", script], text=True)
    return [int(each) for each in printed.split()]


def test_workers_that_are_fewer_than_the_cores_leave_the_last_one() -> None:
    assert CORES[:-1] == cores_after(f"leave_last_core({len(CORES) - 1})", CORES)


@pytest.mark.parametrize("more", [0, 1])
def test_workers_that_need_every_core_have_them(more: int) -> None:
    assert CORES == cores_after(f"leave_last_core({len(CORES) + more})", CORES)


def test_what_works_behind_the_workers_leaves_the_first_core() -> None:
    assert CORES[1:] == cores_after("step_back(5)", CORES)


@pytest.mark.parametrize("call", ["leave_last_core(1)", "step_back(5)"])
def test_a_single_core_is_shared(call: str) -> None:
    assert CORES[:1] == cores_after(call, CORES[:1])


def test_a_worker_and_the_store_process_keep_out_of_each_others_way(tmp_path: Path) -> None:
    tracker = TrackerProcess(tmp_path, Workers=1).start()
    try:
        _, *children = tracker.processes()
        kept = [sorted(os.sched_getaffinity(child)) for child in children]
    finally:
        tracker.stop()

    assert CORES[:-1] in kept
    assert CORES[1:] in kept
