"""Message threads: what an event with a `tid` says of its thread, and the message in it."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from tracker.columns import Column, Kind
from tracker.money import read_amount
from tracker.numerals import read_integer, read_number
from tracker.refine.coerce import read_flag, read_text
from tracker.refine.decode import Values, read_object
from tracker.refine.frame import Frame
from tracker.refine.ids import canonical
from tracker.refine.moments import moment_text, read_moment
from tracker.refine.params import tidy
from tracker.refine.said import said
from tracker.schema.tables.messaging import MSTORE_FED, MTHREADS_FED

LONGEST = 1 << 20  # characters of a text
MOST_ITEMS = 1_000  # of a list

_BODY = frozenset({"subject", "msg", "data", "mtempl", "content"})
"""What is the message itself: it stands in its tables, and no longer in the event."""

_ENCODED = frozenset({"msg", "data", "mtempl"})
_COLUMNS: dict[str, Column] = {
    column.name: column for fed in (MTHREADS_FED, MSTORE_FED) for column in fed.own
    if column.name != "updated_at"}
"""Of what both tables have the kind of `mstore` is read; only the objects in `mtempl` differ."""

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


def take(frame: Frame, others: Collection[int]) -> None:
    """Find the events of threads, and take the texts of their messages from them.

    What came by one of the `others` of routes is something else. `content` is the text of a
    message there, and not that of an advertisement.
    """
    for row, tid in enumerate(frame.sent.get("tid", ())):
        if (tid is not None and canonical((read_text(tid) or "").strip())
                and frame.hits[frame.hit[row]].route not in others):
            frame.messages[row] = _taken(frame, row)


def _taken(frame: Frame, row: int) -> Values:
    texts: Values = {}
    event = frame.events[row]
    for key in [key for key in event if key.lower() in _BODY]:
        if _fits(event[key]):
            texts.setdefault(key.lower(), event.pop(key))
    content = frame.sent.get("content")
    if content is not None and _fits(content[row]):
        keys = frame.keys["content"]
        if (keys if isinstance(keys, str) else keys[row]).lower() == "content":
            texts["content"], content[row] = content[row], None
    return texts


def _fits(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def make(frame: Frame, row: int) -> list[Values]:
    """One object: what the event says of the thread, and of the message."""
    values = said(frame, row)
    values.pop("content", None)  # what is left of it is that of an advertisement
    values |= frame.messages[row]
    found: Values = {}
    for name in _COLUMNS.keys() & values.keys():
        value = values[name]
        if name in _ENCODED and isinstance(value, dict | list):
            value = _encode(value).decode()
        read = _read(_COLUMNS[name].kind, value)
        if read not in (None, "", []):
            found[name] = canonical(read) if name in _IDS else read
    if template := _object(values.get("mtempl")):
        found[MTHREADS_FED.keys["mtempl"]] = template
    found.setdefault("mid", frame.columns["eid"][row].as_py())
    found["updated_at"] = moment_text(frame.columns["received_at"][row].as_py())
    return [found]


_IDS = frozenset({"uid", "vid", "ref", "owner", "updater"}) | {
    column.name for column in _COLUMNS.values() if column.kind is Kind.ID}


def _read(kind: Kind, value: Any) -> Any:
    """A value as its column takes it; None where it cannot, and it stays with the event alone."""
    read: Callable[[Any], Any] = _READERS.get(kind, _text)
    return read(value)


def _text(value: Any) -> str | None:
    text = read_text(value)
    return text if text is not None and len(text) <= LONGEST else None


def _object(value: Any) -> str | None:
    """The text of an object, which a JSON column takes; the event keeps its own."""
    found = read_object(value) if isinstance(value, str) else value
    if not isinstance(found, dict) or not found:
        return None
    copy = _decode(_encode(found))
    tidy(copy, typing=False)
    return _encode(copy).decode()


def _texts(value: Any) -> list[str] | None:
    items = value if isinstance(value, list) else [value]
    if len(items) > MOST_ITEMS:
        return None
    return [text for item in items if (text := _text(item))]


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.INTEGER: read_integer,
    Kind.NUMBER: read_number,
    Kind.MONEY: read_amount,
    Kind.FLAG: read_flag,
    Kind.ANSWER: read_flag,
    Kind.MOMENT: read_moment,
    Kind.JSON: _object,
    Kind.TEXTS: _texts,
}
