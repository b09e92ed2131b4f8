"""Who ran, who waited for a core and who slept: the kernel's scheduler, as `perf script` tells it.

Needs `sched:sched_switch` and `sched:sched_waking`, printed with `FIELDS` and `--ns`.
"""

import re
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

EVENTS = ("sched:sched_switch", "sched:sched_waking")
FIELDS = "cpu,time,event,trace"
RUNS, WAITS, DISK, SLEEPS, UNKNOWN = "runs", "waits", "disk", "sleeps", "unknown"
IDLE = 0
"""The thread of a core that has nothing to do."""

_LINE = re.compile(r"\s*\[(\d+)\]\s+([\d.]+):\s+sched:sched_(switch|waking):\s+(.*)")
_SWITCH = re.compile(r"prev_comm=.* prev_pid=(\d+) prev_prio=\S+ prev_state=(\S+) ==>"
                     r" next_comm=(.*) next_pid=(\d+)")
_WAKING = re.compile(r"comm=(.*) pid=(\d+) ")


class Schedule:
    """The states of every thread over time, and who was on each core. Seconds, monotonic."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.names: dict[int, str] = {}
        self.turns: Counter[int] = Counter()  # how often each thread got a core
        self._times: defaultdict[int, array[float]] = defaultdict(lambda: array("d"))
        self._states: defaultdict[int, list[str]] = defaultdict(list)
        self._core_times: defaultdict[int, array[float]] = defaultdict(lambda: array("d"))
        self._on_core: defaultdict[int, list[int]] = defaultdict(list)
        self._core_of: defaultdict[int, list[int]] = defaultdict(list)  # with each state
        for line in lines:
            found = _LINE.match(line)
            if found is not None:
                core, moment, event, said = found.groups()
                (self._switch if event == "switch" else self._wake)(int(core), float(moment), said)

    def _switch(self, core: int, moment: float, said: str) -> None:
        found = _SWITCH.match(said)
        if found is None:
            return
        left, state, name, taken = int(found[1]), found[2], found[3], int(found[4])
        self._add(left, core, moment,
                  WAITS if state.startswith("R") else DISK if "D" in state else SLEEPS)
        self._add(taken, core, moment, RUNS)
        self.names[taken] = name
        self.turns[taken] += 1
        self._core_times[core].append(moment)
        self._on_core[core].append(taken)

    def _wake(self, core: int, moment: float, said: str) -> None:
        found = _WAKING.match(said)
        if found is not None:
            thread = int(found[2])
            states = self._states[thread]
            if not states or states[-1] in {DISK, SLEEPS}:
                self._add(thread, core, moment, WAITS)

    def _add(self, thread: int, core: int, moment: float, state: str) -> None:
        self._times[thread].append(moment)
        self._states[thread].append(state)
        self._core_of[thread].append(core)

    def spans(self, thread: int, begin: float, end: float) -> Iterator[tuple[str, float, float]]:
        """State, begin and end of each part of a time, without gaps."""
        times, states = self._times[thread], self._states[thread]
        at = bisect_right(times, begin) - 1
        while begin < end:
            until = min(times[at + 1], end) if at + 1 < len(times) else end
            yield states[at] if at >= 0 else UNKNOWN, begin, until
            begin, at = until, at + 1

    def beside(self, thread: int, begin: float, end: float) -> dict[int, float]:
        """Seconds of each thread that had the core for which this one waited."""
        found: defaultdict[int, float] = defaultdict(float)
        for state, since, until in self.spans(thread, begin, end):
            if state == WAITS:
                core = self._core_after(thread, since)
                for other, seconds in self._had(core, since, until):
                    found[other] += seconds
        return found

    def _core_after(self, thread: int, moment: float) -> int:
        """The core that a thread got next."""
        times, states = self._times[thread], self._states[thread]
        at = bisect_right(times, moment)
        while at < len(states) and states[at] != RUNS:
            at += 1
        return self._core_of[thread][min(at, len(states) - 1)]

    def _had(self, core: int, begin: float, end: float) -> Iterator[tuple[int, float]]:
        times, threads = self._core_times[core], self._on_core[core]
        at = max(bisect_right(times, begin) - 1, 0)
        while at < len(times) and times[at] < end:
            until = min(times[at + 1], end) if at + 1 < len(times) else end
            if until > max(times[at], begin):
                yield threads[at], until - max(times[at], begin)
            at += 1
