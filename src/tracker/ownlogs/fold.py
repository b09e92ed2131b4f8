"""Warnings that come again and again become few rows, which say how many they stand for."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from tracker.ownlogs.line import Line

FIRST_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 3_600.0
MOST_KINDS: Final = 200
MOST_A_MINUTE: Final = 30


class Folded(NamedTuple):
    """A line to be kept: the newest of `times` that say the same."""

    line: Line
    times: int


@dataclass(slots=True)
class _Repeat:
    """A line that was said: `times` since its last row; `until` when the next one may follow."""

    line: Line
    until: float
    seconds: float = FIRST_SECONDS
    times: int = 0


class Fold:
    """The first of its kind is kept at once. Those that follow are counted, and a row says how many
    after a minute, after two more, four, up to an hour. What was silent that long begins anew.

    So a warning that its own row should cause again makes a row an hour, whatever happens.
    `left_out` counts what no row tells of: too many kinds, or too many rows in a minute.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._known: dict[tuple[str, ...], _Repeat] = {}
        self._ready: list[Folded] = []
        self._minute = (0.0, 0)  # when it began, and how many rows since

    def add(self, line: Line, now: float) -> None:
        """Take a line; `now` in seconds of a steady clock."""
        self.left_out += line.lost
        known = self._known.get(line.key)
        if known is not None:
            known.line, known.times = line, known.times + 1
        elif len(self._known) < MOST_KINDS:
            self._known[line.key] = _Repeat(line, now + FIRST_SECONDS)
            self._ready.append(Folded(line, 1))
        else:
            self.left_out += 1

    def take(self, now: float) -> list[Folded]:
        """What is to be kept now."""
        for key, repeat in list(self._known.items()):
            if now < repeat.until:
                continue
            if not repeat.times:
                del self._known[key]
                continue
            self._ready.append(Folded(repeat.line, repeat.times))
            repeat.seconds = min(2 * repeat.seconds, LONGEST_SECONDS)
            repeat.until, repeat.times = now + repeat.seconds, 0
        return self._within_a_minute(now)

    def rest(self, now: float) -> list[Folded]:
        """What is to be kept at the end: counts that wait for their time too."""
        waiting = [Folded(repeat.line, repeat.times) for repeat in self._known.values()
                   if repeat.times]
        self._known.clear()
        self._ready += waiting
        return self._within_a_minute(now)

    def _within_a_minute(self, now: float) -> list[Folded]:
        began, rows = self._minute
        if now - began >= FIRST_SECONDS:
            began, rows = now, 0
        ready, self._ready = self._ready, []
        kept = ready[:MOST_A_MINUTE - rows]
        self.left_out += sum(folded.times for folded in ready[len(kept):])
        self._minute = (began, rows + len(kept))
        return kept
