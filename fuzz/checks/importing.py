"""Any bytes as a file to import: lines are events that land as they are told, or have a reason."""

import gzip
import tempfile
from collections.abc import Sequence

from tracker.hit import decode_hit, encode_hit
from tracker.imported import Head, Line, Lines, decode_lines, encode_lines, hits_of
from tracker.importing.accesslog import Format
from tracker.importing.event import Event, NoEvent
from tracker.importing.importer import head_of
from tracker.importing.objects import Objects
from tracker.importing.requests import Requests
from tracker.importing.texts import Text, Unreadable
from tracker.importing.visitors import Visitors
from tracker.refine.refinery import Refinery
from tracker.settings import IntakeSettings, RefineSettings

_LONGEST = 1000
_NOW = 1_795_000_000 * 10**9
_REFINERY = Refinery(RefineSettings(private_key=b"k"))


def check(data: bytes) -> None:
    """The same lines plain and packed; each event one row, at its own time, or a dead letter."""
    lines = _lines(data)
    if not data.startswith(b"\x1f\x8b") and lines is not None:
        assert lines == _lines(gzip.compress(data))
        assert b"\n".join(lines) == data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n") \
            or max(map(len, lines)) > _LONGEST
    found = _events(lines or [])
    assert found == _events(lines or [])
    events = [(number, event) for number, event in found if isinstance(event, Event)]
    assert all(event.reason for _, event in found if isinstance(event, NoEvent))
    if events:
        _check_landing(events)


def _lines(data: bytes) -> list[bytes] | None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        text = Text(file.name, _LONGEST)
        try:
            return [line for block in text.blocks() for line in block.lines]
        except Unreadable:
            return None
        finally:
            text.close()


def _events(lines: Sequence[bytes]) -> list[tuple[int, Event | NoEvent]]:
    objects = Objects(IntakeSettings(), "a.example", {"oid": "o"}, with_address=True)
    requests = Requests(Format(None), Visitors(b"k"), "a.example", {}, with_address=True)
    return [(number, objects.read(line, _NOW) if line.lstrip()[:1] == b"{"
             else requests.read(line, number)) for number, line in enumerate(lines, 1)]


def _check_landing(events: Sequence[tuple[int, Event]]) -> None:
    heads: list[Head] = [head_of(event) for _, event in events]
    assert all(head.head.count(b"\r\n") <= 3 and head.head.endswith(b"\r\n") for head in heads)
    lines = Lines("0123456789abcdef", 0, events[-1][0], heads, [
        Line(number, event.received, event.address, place, event.body)
        for place, (number, event) in enumerate(events)])
    again = decode_lines(encode_lines(lines))
    assert lines == again
    hits = list(hits_of(again, 0))
    assert hits == [decode_hit(encode_hit(hit)) for hit in hits]
    refined = _REFINERY.refine(hits)
    assert len(events) == refined.table.num_rows
    assert not refined.dead
    received = refined.table["received_at"].cast("int64").to_pylist()
    assert [event.received // 10**6 for _, event in events] == received
