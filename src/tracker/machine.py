"""What the machine, or the container, has, and how a process of ours uses it."""

import contextlib
import gc
import os
import sys
import time
from pathlib import Path
from typing import Final

_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_GROUP: Final = Path("/proc/self/autogroup")
_GROUP_TRIES: Final = 10
_GROUP_SECONDS: Final = 0.1


def machine_bytes() -> int:
    """Bytes of memory."""
    own = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    with contextlib.suppress(OSError, ValueError):  # no cgroup, or "max"
        return min(own, int(_LIMIT.read_text()))
    return own


def calm_gc(young: int) -> None:
    """Let the garbage collector not look at what was made at the start, and only at each `young`
    objects that stay: our hot paths leave no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 20, 100)


def step_back(niceness: int) -> None:
    """Leave the answers of the workers their time: lower priority, and the first core.

    Priority alone is not enough: a kernel that preempts lazily lets a thread that computes go on
    until its next tick, 4 ms or more, whoever wakes beside it.
    """
    os.nice(niceness)
    if sys.platform == "linux":
        first, *others = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, others or (first,))


def let_sessions_pass(niceness: int) -> None:
    """Leave other sessions a larger share of the cores, where the system shares them by session.

    With autogroup (sched(7)) niceness counts within a session alone, and each of our processes is
    one.
    """
    for _ in range(_GROUP_TRIES):
        try:
            _GROUP.write_text(str(niceness))
        except BlockingIOError:  # the system takes ten of these a second, from all users
            time.sleep(_GROUP_SECONDS)
        except OSError:
            return  # it does not, or /proc cannot be written
        else:
            return


def leave_last_core(workers: int) -> None:
    """Keep a worker, one of so many, where the store process need not be; not if cores are too few.

    It would be moved to the core where an insert computes, and wait there for its end.
    """
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        if workers < len(cores):
            os.sched_setaffinity(0, cores[:-1])


def die_first() -> None:
    """Where memory ends, let the system end this process before all others."""
    with contextlib.suppress(OSError):  # not Linux, or /proc cannot be written
        Path("/proc/self/oom_score_adj").write_text("1000")
