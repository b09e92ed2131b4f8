"""What the machine, or the container, has."""

import contextlib
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
