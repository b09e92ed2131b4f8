"""What services send, as rows of `logs`, `counted` and `updates`."""

from collections.abc import Iterable
from datetime import datetime

from tracker.logwords import nano_text, read_level, read_nanoseconds
from tracker.numerals import read_integer
from tracker.refine.coerce import read_text
from tracker.refine.decode import Values
from tracker.refine.frame import Frame
from tracker.refine.moments import moment_text
from tracker.refine.said import lower
from tracker.refine.times import read_time

_LINE = frozenset({"id", "topic", "name", "host", "hostname", "owner", "level", "msg", "ltime",
                   "ltimenss"})
_TEXTS = ("topic", "name", "host", "hostname", "owner", "msg")
_OF_ROW = frozenset({"oid", "org", "eid", "params", "created", "time", "email", "cell", "uname",
                     "ehash", "chash", "uhash"})
"""Names that mean in a line of a log what they mean in an event; `params` keeps all others."""


def take(frame: Frame, rows: Iterable[int]) -> None:
    """Take from these rows, lines of logs, what `logs` has columns for."""
    for row in rows:
        event = frame.events[row]
        found = {key: event.pop(key) for key in [key for key in event if key.lower() in _LINE]}
        frame.messages[row] = lower(found)
        for name, sent in frame.sent.items():
            if name not in _OF_ROW and sent[row] is not None:
                frame.keep(row, name, sent[row])
                sent[row] = None


def line(frame: Frame, row: int) -> list[Values]:
    """One object: the line. Its day is that of the row; without a time it has the row's."""
    said = frame.messages[row]
    created: datetime = frame.columns["created_at"][row].as_py()
    written = read_nanoseconds(said.get("ltime"))
    if written is None:
        written = read_nanoseconds(said.get("ltimenss"))
    values: Values = {name: read_text(said.get(name)) for name in _TEXTS}
    values |= {
        "id": read_text(said.get("id")) or frame.columns["eid"][row].as_py(),
        "ldate": created.date().isoformat(),
        "ltime": moment_text(created) if written is None else nano_text(written),
        "level": read_level(said.get("level")),
    }
    return [{name: value for name, value in values.items() if value not in (None, "")}]


def count(frame: Frame, row: int) -> list[Values]:
    """One object: what is counted, by how much, and for which day."""
    said = lower(frame.events[row])
    created: datetime = frame.columns["received_at"][row].as_py()
    total = read_integer(said.get("by"))
    return [{"id": read_text(said.get("id")) or "", "total": 1 if total is None else total,
             "day": read_text(said.get("day")) or created.date().isoformat()}]


def update(frame: Frame, row: int) -> list[Values]:
    """One object: the message. A time later than its receipt counts as that."""
    said = lower(frame.events[row])
    received: datetime = frame.columns["received_at"][row].as_py()
    sent = read_time(said.get("updated"))
    if 0 <= sent < round(received.timestamp() * 1000):
        received = datetime.fromtimestamp(sent / 1000, received.tzinfo)
    return [{"id": read_text(said.get("id")) or "", "msg": read_text(said.get("msg")) or "",
             "updated_at": moment_text(received)}]
