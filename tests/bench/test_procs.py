"""Processes as the kernel counts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.rig.procs import (
    cpu_of,
    cpu_seconds,
    family,
    held,
    idling,
    memory,
    on_cores,
    pin,
    pinned,
    pss_of,
    threads,
    tree_seconds,
)

TICK = os.sysconf("SC_CLK_TCK")
STAT = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 300 100 40 20 25 5 12 0 1 2 3"


def test_time_of_a_process_is_user_and_system() -> None:
    assert 400 / TICK == cpu_of(STAT)


def test_time_of_its_ended_children_comes_on_top() -> None:
    assert 460 / TICK == cpu_of(STAT, ended=True)


def test_memory_is_the_proportional_share() -> None:
    assert 2048 << 10 == pss_of("0-1 ---p 0 0 0 [rollup]\nRss:  9999 kB\nPss:  2048 kB\n"
                                "Pss_Dirty: 5 kB\n")


def test_memory_that_is_not_told_is_none() -> None:
    assert 0 == pss_of("")


def test_this_process_has_threads_memory_and_a_family() -> None:
    with held(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)) as child:
        assert os.getpid() in threads(os.getpid())
        assert memory([os.getpid()]) > 0
        assert child.pid in family(os.getpid())
        assert tree_seconds(os.getpid()) >= cpu_seconds(os.getpid())
        child.communicate()


def test_a_process_that_is_gone_counts_nothing() -> None:
    with held(subprocess.Popen([sys.executable, "-c", ""])) as child:
        child.wait()

    assert 0 == cpu_seconds(child.pid)
    assert 0 == memory([child.pid])
    assert [] == threads(child.pid)


def test_a_child_does_not_outlive_an_error() -> None:
    endless = "import time; time.sleep(60)"
    with pytest.raises(RuntimeError), held(
            subprocess.Popen([sys.executable, "-c", endless])) as child:
        raise RuntimeError

    assert child.poll() is not None


def test_children_inherit_the_cores_and_their_parent_gets_its_own_back() -> None:
    before = os.sched_getaffinity(0)
    with on_cores([min(before)]):
        printed = subprocess.run(
            [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"],
            capture_output=True, text=True, check=True)

    assert str({min(before)}) == printed.stdout.strip()
    assert before == os.sched_getaffinity(0)


def test_a_process_that_was_pinned_has_its_own_cores_again() -> None:
    only = {min(os.sched_getaffinity(0))}
    with held(subprocess.Popen(["sleep", "60"])) as child:
        pin(child.pid, only)
        with pinned(child.pid, os.sched_getaffinity(0)):
            assert os.sched_getaffinity(0) == os.sched_getaffinity(child.pid)

        assert only == os.sched_getaffinity(child.pid)
        child.kill()


def told(pid: int) -> str:
    """The niceness of a process's session; nothing where sessions are no groups."""
    path = Path(f"/proc/{pid}/autogroup")
    return path.read_text().strip().partition(" ")[2] if path.exists() else ""


def test_a_process_that_is_idling_steps_back_and_then_has_its_share_again() -> None:
    with held(subprocess.Popen(["sleep", "60"], start_new_session=True)) as child:
        before = os.sched_getscheduler(child.pid), told(child.pid)
        with idling(child.pid):
            assert os.SCHED_IDLE == os.sched_getscheduler(child.pid)
            assert told(child.pid) in {"", "nice 19"}
        assert before == (os.sched_getscheduler(child.pid), told(child.pid))
        child.kill()
