"""The command: options to readers, a line of progress, and what it came to in words."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from tracker.batches.settled import settled_lines
from tracker.importing.accesslog import Format
from tracker.importing.event import Event, NoEvent
from tracker.importing.importer import Importer, Read, Report
from tracker.importing.objects import Objects
from tracker.importing.requests import Requests
from tracker.importing.sink import Sink, is_running
from tracker.importing.visitors import Visitors
from tracker.progress import ProgressLine
from tracker.settings import Settings

FORMATS = ("auto", "combined", "common", "jsonl")
_COMBINED = {"combined": True, "common": False}
_BAR = 24
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `address` is false where the log's is not the visitor's."""

    files: tuple[str, ...]
    format: str = "auto"
    host: str = ""
    oid: str = ""
    address: bool = True
    from_line: int = 1
    dry_run: bool = False


def reader_of(options: Options, settings: Settings, clock: Callable[[], int]) -> Read:
    """What makes events of lines."""
    always = {"oid": options.oid} if options.oid else {}
    objects = Objects(settings.intake, options.host, always, with_address=options.address)
    def read_object(line: bytes, _: int) -> Event | NoEvent:
        return objects.read(line, clock())

    if options.format == "jsonl":
        return read_object
    read_request = Requests(
        Format(_COMBINED.get(options.format)), Visitors(settings.refine.private_key), options.host,
        always, with_address=options.address).read
    if options.format != "auto":
        return read_request
    return lambda line, number: (
        read_object if line.lstrip()[:1] == b"{" else read_request)(line, number)


def run(options: Options, settings: Settings, out: TextIO,
        clock: Callable[[], int] = time.time_ns) -> int:
    """Import; 0 when every file was read to its end. Raises `TrackerError`."""
    data = settings.data_directory
    read = reader_of(options, settings, clock)
    if options.dry_run:
        read = _showing(read, out)
    sink = None if options.dry_run else Sink(data, settings.spool, clock)
    try:
        importer = Importer(read, sink, data / "imports", settled_lines(data / "batches"),
                            settings.intake.body_bytes, options.from_line)
        complete = [_import(importer, name, sink, out) for name in options.files]
    finally:
        if sink is not None:
            sink.close()
    if sink is not None and not is_running(data):
        print("no tracker runs here: what is new lands when one starts", file=out)
    return 0 if all(complete) else 1


def _import(importer: Importer, name: str, sink: Sink | None, out: TextIO) -> bool:
    with ProgressLine(partial(_progress, importer, sink)):
        report = importer.run(name)
    print(told(report), file=out)
    for number, reason in report.named:
        print(f"{name}: line {number}: {reason}", file=sys.stderr)
    more = sum(report.skipped.values()) - len(report.named)
    if more > 0:
        reasons = ", ".join(f"{count} times {reason}" for reason, count in report.skipped.items())
        print(f"{name}: and {more} lines more; in all {reasons}", file=sys.stderr)
    if report.stopped:
        print(report.stopped, file=sys.stderr)
    return report.stopped is None


def told(report: Report) -> str:
    """What became of a file, in a line."""
    parts = [f"{report.events} events of {report.lines} lines"]
    if report.known:
        parts.append(f"{report.known} imported before")
    if report.blank:
        parts.append(f"{report.blank} blank")
    if report.skipped:
        parts.append(f"{sum(report.skipped.values())} skipped")
    if report.unfinished:
        parts.append("the last is not finished and waits for the next import")
    return f"{report.name}: {', '.join(parts)}"


def _progress(importer: Importer, sink: Sink | None, seconds: float) -> str:
    report, text = importer.report, importer.text
    share = 0.0
    if text is not None and text.size:
        try:
            share = min(text.position() / text.size, 1.0)
        except ValueError:  # closed meanwhile
            share = 1.0
    full = round(share * _BAR)
    line = (f"{Path(report.name).name} [{'#' * full}{'.' * (_BAR - full)}] {share:4.0%}"
            f"  {report.lines:,} lines, {report.lines / max(seconds, 0.001):,.0f}/s")
    if sink is not None and sink.waits:
        return f"{line}, waits for the tracker to land what is there"
    return f"{line}, {seconds / share - seconds:.0f} s left" if share else line


def _showing(read: Read, out: TextIO) -> Read:
    """The same, which prints the first events."""
    rest = [None] * _SHOWN

    def show(line: bytes, number: int) -> Event | NoEvent:
        event = read(line, number)
        if rest and isinstance(event, Event):
            rest.pop()
            print(event.body.decode(), file=out)
        return event

    return show
