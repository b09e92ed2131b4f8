"""The machine that the figures come from: what it is, and how fast its disk syncs."""

import importlib.metadata
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.peers.programs import PROGRAMS, version
from bench.rig.figures import percentile

_PACKAGES = ("tracker", "chdb-core", "httptools", "msgspec", "numpy", "pyarrow", "uvloop")
_RECORD = b"x" * 700
_SYNCS = 100
_NUMBERS = 8 << 20  # of 8 bytes: more than caches hold
_READS = 500_000


def facts(data: Path) -> dict[str, object]:
    """What a reader needs to compare these figures with others."""
    return {
        "cpu": _cpu(), "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(), "filesystem": filesystem(data, _mounts()),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "programs": {name: version(name) for name in PROGRAMS},
        "commit": _commit(), "load_before": list(os.getloadavg()),
    }


def sync_seconds(directory: Path, syncs: int = _SYNCS) -> tuple[float, float]:
    """p50 and p99 of `fdatasync` after 700 bytes into a preallocated file."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        descriptor = file.fileno()
        os.write(descriptor, bytes(1024 * syncs))
        os.fsync(descriptor)
        for at in range(syncs):
            before = time.perf_counter()
            os.pwrite(descriptor, _RECORD, at * 1024)
            os.fdatasync(descriptor)
            taken.append(time.perf_counter() - before)
    return percentile(taken, 0.5), percentile(taken, 0.99)


class Work:
    """A fixed piece of work, to tell a slow machine from a slow tracker."""

    def __init__(self) -> None:
        self._numbers = np.arange(_NUMBERS)
        self._places = np.random.default_rng(1).integers(0, _NUMBERS, _READS)

    def seconds(self) -> float:
        """CPU time of half a million reads from 64 MB, in no order.

        It grows where others use the caches and the memory of the host: `steal` does not show that.
        """
        before = time.thread_time()
        self._numbers.take(self._places).sum()
        return time.thread_time() - before


def filesystem(path: Path, mounts: str) -> str:
    """The type of the file system that `path` is on, from the text of `/proc/mounts`."""
    best, kind = "", "unknown"
    for line in mounts.splitlines():
        _, mount, found, *_ = line.split()
        if path.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def _mounts() -> str:
    return Path("/proc/mounts").read_text()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    try:
        said = subprocess.run(["git", "describe", "--always", "--dirty"], text=True, timeout=10,
                              capture_output=True, check=False, cwd=Path(__file__).parent)
    except OSError:
        return "unknown"
    return said.stdout.strip() or "unknown"
