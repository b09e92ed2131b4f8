"""Everything else that was sent: one JSON object per event, typed, that every store takes."""

import re
from itertools import count
from typing import Any

import msgspec
import pyarrow as pa

from tracker.refine.arrays import lines_to_texts, repeated_text
from tracker.refine.decode import Values, read_object
from tracker.refine.frame import Frame
from tracker.refine.names import PERSONAL, Table

_MAYBE_TYPED = frozenset("-0123456789tf")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,18})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)\.\d*[1-9]", re.ASCII)
_SMALLEST, _GREATEST = -(1 << 63), (1 << 64) - 1
_DEEPEST = 64
_LONGEST_NUMBER = 25  # no double or 64-bit integer prints longer

_encoder = msgspec.json.Encoder()


class Params:
    """Reads `params`, and in the end gathers in it whatever no column took."""

    def __init__(self, table: Table, remove_ip: bool) -> None:
        self._table = table
        self._never = PERSONAL | ({"ip"} if remove_ip else frozenset())

    def open(self, frame: Frame) -> None:
        """Read the objects in `params`, and take out of them what stands in a column too.

        Plain personal data in them count as if they had been sent beside.
        """
        frame.params = [None] * len(frame)
        for row, value in enumerate(frame.sent.pop("params", ())):
            if value is not None:
                found = value if isinstance(value, dict) else (
                    read_object(value) if isinstance(value, str) else None)
                if found is None:
                    frame.keep(row, "params", value)
                frame.params[row] = found
        keys: set[str] = set().union(*filter(None, frame.params))
        special = {
            key for key in keys if key.lower() in PERSONAL
            or (key in self._table and self._table[key][0] in frame.sent)
        }
        if special:
            for row, params in enumerate(frame.params):
                if params and not special.isdisjoint(params):
                    self._take_special(frame, row, params, sorted(special & params.keys()))

    def _take_special(self, frame: Frame, row: int, params: Values, keys: list[str]) -> None:
        for key in keys:
            name = key.lower()
            if name in PERSONAL:
                sent = frame.sent.setdefault(name, [None] * len(frame))
                value = params.pop(key)
                if sent[row] is None:
                    sent[row] = value
            elif params[key] == frame.sent[self._table[key][0]][row]:
                del params[key]

    def gather(self, frame: Frame) -> None:
        """Set `params` to what is left of the event, under what its own `params` say."""
        rows = [
            event if params is None else join(event, params)
            for event, params in zip(frame.events, frame.params, strict=True)
        ]
        keys: set[str] = set().union(*rows)
        never = {key for key in keys if key.lower() in self._never}
        for event in rows:
            if event:
                if not never.isdisjoint(event):
                    for key in never & event.keys():
                        del event[key]
                tidy(event)
        frame.columns["params"] = lines_to_texts(_encoder.encode_lines(rows))


def objects(frame: Frame, name: str) -> pa.Array:
    """A column of objects, untyped; what holds no object is kept for `params`."""
    sent = frame.sent.get(name)
    if sent is None:
        return repeated_text("{}", len(frame))
    rows: list[Values] = []
    for row, value in enumerate(sent):
        found = read_object(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            if value is not None:
                frame.keep(row, name, value)
            found = {}
        tidy(found, typing=False)
        rows.append(found)
    return lines_to_texts(_encoder.encode_lines(rows))


def join(event: Values, params: Values) -> Values:
    """Both in one; of two values under one key that of `params` keeps it, the other moves."""
    if not event:
        return params
    for key, value in event.items():
        if value is not None:
            if params.get(key) is None:
                params[key] = value
            elif params[key] != value:
                params[free_key(key, params, event)] = value
    return params


def free_key(key: str, *taken: Values) -> str:
    """The key with `_` behind it, and a number where that is taken as well."""
    spares = (spare_key(key, number) for number in count(1))
    return next(spare for spare in spares if not any(spare in t for t in taken))


def spare_key(key: str, number: int) -> str:
    """What the value number 1, 2, 3 … is called whose own key is taken."""
    return f"{key}_" if number == 1 else f"{key}_{number}"


def tidy(event: Values, typing: bool = True) -> None:
    """Type the values of an object in place, and make it one that a JSON column takes."""
    absent: list[str] = []
    dotted = False
    for key, value in event.items():
        kind = type(value)
        if kind is str:
            if typing and value[:1] in _MAYBE_TYPED:
                event[key] = typed_text(value)
        elif value is None:
            absent.append(key)
        elif kind is not float and kind is not bool:
            event[key], inner = _tidy_inner(value, typing, 1)
            dotted |= inner
        dotted |= "." in key
    for key in absent:
        del event[key]
    if dotted:
        separate(event, "", {})


def _tidy_inner(value: Any, typing: bool, depth: int) -> tuple[Any, bool]:
    """The value tidied, and whether one of the keys of its object holds a dot."""
    if depth > _DEEPEST:
        return _encoder.encode(value).decode(), False
    if isinstance(value, str):
        return (typed_text(value) if typing else value), False
    if isinstance(value, list):
        return [_tidy_element(item, typing, depth) for item in value], False
    if isinstance(value, dict):
        dotted = False
        for key, item in value.items():
            value[key], inner = _tidy_inner(item, typing, depth + 1)
            dotted |= inner or "." in key
        return value, dotted
    if isinstance(value, int) and not _SMALLEST <= value <= _GREATEST:
        return str(value), False
    return value, False


def _tidy_element(item: Any, typing: bool, depth: int) -> Any:
    """An element of a list: its texts stay texts, an object in it has paths of its own."""
    if isinstance(item, str):
        return item
    made, dotted = _tidy_inner(item, typing, depth + 1)
    if dotted:
        separate(made, "", {})
    return made


def separate(event: Values, prefix: str, seen: dict[str, int]) -> None:
    """Rename values until no two have one path: {"a.b": 1, "a": {"b": 2}} would be refused.

    `seen` has each path in use with the number of the next spare key to be tried for it, as
    hundreds of values may have one path.
    """
    for key in list(event):
        value = event[key]
        if isinstance(value, dict):
            separate(value, f"{prefix}{key}.", seen)
            continue
        free = key
        if prefix + key in seen:
            free = _spare_path(event, prefix, key, seen)
            event[free] = event.pop(key)
        seen.setdefault(prefix + free, 1)


def _spare_path(event: Values, prefix: str, key: str, seen: dict[str, int]) -> str:
    for number in count(seen[prefix + key]):
        spare = spare_key(key, number)
        if spare not in event and prefix + spare not in seen:
            break
    seen[prefix + key] = number + 1
    return spare


def typed_text(text: str) -> str | int | float | bool:
    """A number or boolean where printing that gives the same text: "99.99", not "1.50"."""
    if len(text) > _LONGEST_NUMBER:
        return text
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text) and text != "-0":
        number = int(text)
        return number if _SMALLEST <= number < 1 << 63 else text
    if _DECIMAL.fullmatch(text):
        decimal = float(text)
        return decimal if repr(decimal) == text else text
    return text
