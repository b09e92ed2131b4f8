"""Processes as the kernel counts them: CPU time, memory, cores, priority."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import AnyStr

_LOOK_SECONDS = 1.0
_QUIET_SHARE = 0.3  # of a core: on a slow machine an idle store process takes up to 0.2
_LEAST = 19
_TICK = os.sysconf("SC_CLK_TCK")
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal in /proc/stat


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core is whose while two servers are compared. All the same on a single core."""

    server: int
    load: int
    store: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Server on the first, load on the second, the store process on the third or the second."""
        mine = sorted(os.sched_getaffinity(0))
        return cls(mine[0], mine[min(1, len(mine) - 1)], mine[min(2, len(mine) - 1)])


@contextlib.contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """Children started here inherit these cores; none named changes nothing."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def held(child: "subprocess.Popen[AnyStr]") -> "Iterator[subprocess.Popen[AnyStr]]":
    """A child that does not outlive an error of whoever waits for it."""
    try:
        yield child
    except BaseException:
        child.kill()
        raise
    finally:
        child.wait()


def pin(pid: int, cores: Iterable[int]) -> None:
    """Bind every thread of a process; threads it starts later inherit that."""
    wanted = set(cores)
    for thread in threads(pid):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread, wanted)


@contextlib.contextmanager
def pinned(pid: int, cores: Iterable[int]) -> Iterator[None]:
    """Bind a process, and give it back the cores that it had: some keep off one by themselves."""
    before = os.sched_getaffinity(pid)
    pin(pid, cores)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            pin(pid, before)


@contextlib.contextmanager
def idling(pid: int) -> Iterator[None]:
    """Let a process run only where nothing else wants the core.

    Where sessions share cores as groups (autogroup), a policy counts among the threads of one
    session alone: so that of this one is given the least share too.
    """
    group = Path(f"/proc/{pid}/autogroup")
    before = _niceness(group)
    _be(pid, os.SCHED_IDLE)
    if before is not None:
        group.write_text(str(_LEAST))
    try:
        yield
    finally:
        _be(pid, os.SCHED_OTHER)
        if before is not None:
            with contextlib.suppress(OSError):  # it has ended
                group.write_text(str(before))


def _be(pid: int, policy: int) -> None:
    for thread in threads(pid):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setscheduler(thread, policy, os.sched_param(0))


def _niceness(group: Path) -> int | None:
    """Of a session, as `/proc/<pid>/autogroup` tells it; None where sessions are no groups."""
    try:
        return int(group.read_text().split()[-1])
    except (OSError, IndexError):
        return None


def threads(pid: int) -> list[int]:
    """The ids of a process's threads; none when it has ended."""
    with contextlib.suppress(OSError):
        return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return []


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for each in found:  # grows while it is walked
        for thread in threads(each):
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{each}/task/{thread}/children").read_text()
                found += map(int, children.split())
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, ended threads included; 0.0 when it is gone."""
    with contextlib.suppress(OSError):
        return cpu_of(Path(f"/proc/{pid}/stat").read_text())
    return 0.0


def cpu_of(stat: str, *, ended: bool = False) -> float:
    """The same from the text of `/proc/<pid>/stat`, with that of `ended` children if wanted."""
    fields = stat[stat.rindex(")") + 2:].split()  # a process may be named anything
    return sum(map(int, fields[11:15 if ended else 13])) / _TICK


def tree_seconds(pid: int) -> float:
    """CPU time so far of a process, its descendants, and those of them that have ended."""
    total = 0.0
    for each in family(pid):
        with contextlib.suppress(OSError):
            total += cpu_of(Path(f"/proc/{each}/stat").read_text(), ended=True)
    return total


def busy_seconds() -> float:
    """CPU time of the whole machine so far, time that the host took included."""
    first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(first[at]) for at in _BUSY) / _TICK


def wait_until_quiet(pid: int, seconds: float) -> None:
    """Until a process does next to nothing, for so long at most."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        before = cpu_seconds(pid)
        time.sleep(_LOOK_SECONDS)
        if cpu_seconds(pid) - before < _QUIET_SHARE * _LOOK_SECONDS:
            return


def memory(pids: Iterable[int]) -> int:
    """Bytes of memory of processes, what they share counted once (PSS)."""
    return sum(_memory(pid) for pid in pids)


def descriptors(pid: int) -> int:
    """How many files a process has open; 0 once it is gone."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def _memory(pid: int) -> int:
    with contextlib.suppress(OSError):
        return pss_of(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return 0


def pss_of(rollup: str) -> int:
    """Bytes of PSS from the text of `/proc/<pid>/smaps_rollup`; 0 where it says none."""
    line = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(line.split()[1]) << 10
