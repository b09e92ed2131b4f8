"""What the machine, or the container, has, and how a process of ours uses it."""

import contextlib
import gc
import os
from pathlib import Path
from typing import Final

_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


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


def die_first() -> None:
    """Where memory ends, let the system end this process before all others."""
    with contextlib.suppress(OSError):  # not Linux, or /proc cannot be written
        Path("/proc/self/oom_score_adj").write_text("1000")
