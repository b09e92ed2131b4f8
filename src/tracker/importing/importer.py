"""Reads files line by line and gives what is new in them to the spool."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tracker.hit import Route
from tracker.imported import Head, Line, Lines
from tracker.importing.event import TOO_LONG, Event, NoEvent
from tracker.importing.known import Following, follow
from tracker.importing.sink import Sink
from tracker.importing.texts import Block, Text, Unreadable

RECORD_LINES = 1000
_RECORD_BYTES = 4 << 20
_RECORD_MONTHS = 24  # a store takes so many at once, and more
_MONTH_NS = 31 * 86_400 * 10**9
_NAMED = 10
_BLANK = frozenset({b"", b"\r"})
_ENDS = re.compile(r"[\r\n]+")
_LONGEST_FIELD = 16 << 10
_PATHS = {False: b"/tr/v1/tr/", True: b"/tr/v1/str/"}

Read = Callable[[bytes, int], Event | NoEvent]


@dataclass(slots=True)
class Report:
    """What became of the lines of one file.

    `known`    they were imported before
    `blank`    there is nothing in them
    `skipped`  how many are no events, by reason; `named` are the first of them
    `stopped`  why the file was not read to its end
    """

    name: str
    lines: int = 0
    events: int = 0
    known: int = 0
    blank: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    named: list[tuple[int, str]] = field(default_factory=list)
    unfinished: bool = False
    stopped: str | None = None

    def skip(self, line: int, reason: str) -> None:
        """Count a line that is no event."""
        self.skipped[reason] += 1
        if len(self.named) < _NAMED:
            self.named.append((line, reason))


class Record:
    """Lines on their way into one record of the spool; put there when it is full."""

    def __init__(self, sink: Sink | None, file: str, after: int) -> None:
        self._sink = sink
        self._file = file
        self._after = after
        self._clear()

    def _clear(self) -> None:
        self._lines: list[Line] = []
        self._heads: list[Head] = []
        self._places: dict[tuple[bool, str, str], int] = {}
        self._months: set[int] = set()
        self._bytes = 0

    def add(self, number: int, event: Event) -> None:
        """Add a line."""
        key = (event.server, event.host, event.agent)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._heads)
            self._heads.append(head_of(event))
        self._lines.append(Line(number, event.received, event.address, place, event.body))
        self._months.add(event.received // _MONTH_NS)
        self._bytes += len(event.body)
        if len(self._lines) >= RECORD_LINES or self._bytes >= _RECORD_BYTES \
                or len(self._months) >= _RECORD_MONTHS:
            self.put()

    def put(self) -> None:
        """Settle all lines up to the last that is an event.

        Those behind it are none yet: a line may go on, and a file be read in the wrong format.
        """
        if self._lines:
            through = self._lines[-1].number
            if self._sink is not None:
                self._sink.put(Lines(self._file, self._after, through, self._heads, self._lines))
            self._after = through
            self._clear()


class Importer:
    """Imports files one after another; `report` is that of the one being read."""

    def __init__(self, read: Read, sink: Sink | None, directory: Path,
                 settled: Mapping[str, int], longest: int, from_line: int) -> None:
        self.report = Report("")
        self.text: Text | None = None
        self._read = read
        self._sink = sink
        self._directory = directory
        self._settled = settled
        self._longest = longest
        self._from = from_line

    def run(self, name: str) -> Report:
        """Import what is new in a file. Raises `TrackerError` when nothing more can be written."""
        report = self.report = Report(name)
        try:
            text = self.text = Text(name, self._longest)
        except Unreadable as error:
            report.stopped = str(error)
            return report
        try:
            following = follow(self._directory, text.blocks())
            if following is not None:
                self._import(text, report, following)
        except Unreadable as error:
            report.stopped = str(error)
        finally:
            text.close()
        return report

    def _import(self, text: Text, report: Report, following: Following) -> None:
        settled = report.known = self._settled.get(following.file, 0)
        record = Record(self._sink, following.file, settled)
        first = max(settled + 1, self._from)
        try:
            for block in text.blocks():
                if self._sink is not None and not following.add(block):
                    raise Unreadable(f"{text.name}: it changed while it was read; import it again")
                self._add(block, report, record, first)
        finally:
            record.put()
            report.known = min(first - 1, report.lines)
        if self._sink is not None:
            following.end()

    def _add(self, block: Block, report: Report, record: Record, first: int) -> None:
        read, longest = self._read, self._longest
        number = report.lines
        for line in block.lines:
            number += 1
            report.lines = number
            if line in _BLANK:
                report.blank += number >= first
                continue
            event = read(line, number) if len(line) <= longest else TOO_LONG
            if number < first:
                continue
            if isinstance(event, Event):
                record.add(number, event)
                report.events += 1
            elif not block.whole:  # its one line may go on
                report.unfinished = True
            else:
                report.skip(number, event.reason)


def head_of(event: Event) -> Head:
    """The head of the request that an event would have come with."""
    fields = [(b"Host", event.host), (b"User-Agent", event.agent)]
    lines = [b"POST %b HTTP/1.1" % _PATHS[event.server]]
    lines += [b"%b: %b" % (name, _ENDS.sub(" ", value[:_LONGEST_FIELD]).encode("utf-8", "replace"))
              for name, value in fields if value]
    return Head(Route.STR if event.server else Route.TR, b"".join(line + b"\r\n" for line in lines))
