"""The values of an event out of all that was sent for it, and the known ones taken by name."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from tracker.hit import BATCHES
from tracker.refine.decode import Values, read_object
from tracker.refine.frame import Frame
from tracker.refine.ids import UUID_LENGTHS
from tracker.refine.names import Table, sort_keys

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Values).decode
_HASH_BYTES = 8
_HASHES = frozenset({"ehash", "chash", "uhash", "bhash"})


class Merger:
    """Lays the sources of an event over one another: headers, cookies, path, query, body."""

    def __init__(self, table: Table, lowercase: bool) -> None:
        self._table = table
        self._lowercase = lowercase

    def merge(self, frame: Frame, targets: Sequence[Values]) -> None:
        """Give every event what its hit says beside its body; the later source wins."""
        keys: set[str] = set().union(*frame.events)
        rows = targets_of_rows(frame, targets)
        if rows:
            keys.update(*rows.values())
        heads = [head.values for head in frame.heads]
        spelt = sort_keys(keys.union(*heads), self._table)
        names = {key: name for name, ranked in spelt.items() for key in ranked}
        if "eid" in spelt:
            note_shared_ids(frame, targets, spelt["eid"])
        for row, values in rows.items():
            overlay(frame.events[row], values, names, spelt)
        if eids := [key for key in spelt.get("eid", ()) if key in keys]:
            remember(frame, eids)
        if any(heads):
            nested = [_encode(values) if any(map(is_nested, values.values())) else b""
                      for values in heads]
            for event, code in zip(frame.events, frame.head.tolist(), strict=True):
                if heads[code]:
                    values = _decode(nested[code]) if nested[code] else heads[code]
                    _fill_params(event, values, spelt.get("params", ()))
                    overlay(event, values, names, spelt)
        if self._lowercase:
            frame.events = [lower(event) for event in frame.events]

    def take(self, frame: Frame) -> None:
        """Move the values of all known names out of the events, one list per name."""
        keys: set[str] = set().union(*frame.events)
        events = frame.events
        spelt = sort_keys(keys, self._table)
        for name, (best, *_) in spelt.items():
            frame.sent[name] = [event.pop(best, None) for event in events]
            frame.keys[name] = best
        others = {key: name for name, (_, *rest) in spelt.items() for key in rest}
        if others:
            _take_others(frame, others)


def _take_others(frame: Frame, others: Mapping[str, str]) -> None:
    """Where the best key of a name gave no value, take that of the next one.

    Events are asked once for all keys: one event with a thousand spellings costs itself only.
    """
    ranks = {key: rank for rank, key in enumerate(others)}
    for row, event in enumerate(frame.events):
        found = [key for key in event if key in ranks]
        for key in found if len(found) < 2 else sorted(found, key=ranks.__getitem__):
            values = frame.sent[others[key]]
            if values[row] is None:
                values[row] = event.pop(key)
                _note_key(frame, others[key], row, key)


def _note_key(frame: Frame, name: str, row: int, key: str) -> None:
    keys = frame.keys[name]
    if isinstance(keys, str):
        keys = frame.keys[name] = [keys] * len(frame)
    keys[row] = key


def targets_of_rows(frame: Frame, targets: Sequence[Values]) -> dict[int, Values]:
    """Row -> values of its request line, for rows that have any."""
    if not any(targets):
        return {}
    return {
        row: targets[place]
        for row, place in enumerate(frame.hit.tolist()) if targets[place]
    }


def overlay(event: Values, lower: Mapping[str, Any], names: Mapping[str, str],
            spelt: Mapping[str, Sequence[str]]) -> None:
    """Add what a source of lower rank says of names that the event does not have yet."""
    if not event:
        event.update(lower)
        return
    held: dict[str, bool] = {}
    for key, value in lower.items():
        name = names.get(key)
        if name is None:
            if event.get(key) is None:
                event[key] = value
        else:
            if name not in held:
                held[name] = _holds(event, name, names, spelt[name])
            if not held[name]:
                event[key] = value
                held[name] = True


def _fill_params(event: Values, values: Values, keys: Sequence[str]) -> None:
    """Of `params` each key counts by itself: what cookies say of others is added to an event's."""
    ours = values.get("params")
    if not isinstance(ours, dict):
        return
    for key in keys:
        theirs = event.get(key)
        if isinstance(theirs, str):
            theirs = read_object(theirs)
        if isinstance(theirs, dict):
            event[key] = {**ours, **theirs}
            return


def _holds(event: Values, name: str, names: Mapping[str, str], keys: Sequence[str]) -> bool:
    """Whether an event has a value under any of the `keys` of a name; there may be thousands."""
    if len(keys) <= len(event):
        return any(event.get(key) is not None for key in keys)
    return any(value is not None and names.get(key) == name for key, value in event.items())


def note_shared_ids(frame: Frame, targets: Sequence[Values], keys: Sequence[str]) -> None:
    """Note the events of batches that find an `eid` only beside their body: many share it."""
    places = {place for place, hit in enumerate(frame.hits) if hit.shape in BATCHES
              and any(key in targets[place] for key in keys)}
    heads = {code for code, head in enumerate(frame.heads)
             if any(key in head.values for key in keys)}
    if not places and not heads:
        return
    for row, (place, code) in enumerate(zip(frame.hit.tolist(), frame.head.tolist(), strict=True)):
        if ((place in places or (code in heads and frame.hits[place].shape in BATCHES))
                and all(frame.events[row].get(key) is None for key in keys)):
            frame.shared.add(row)


def remember(frame: Frame, keys: Sequence[str]) -> None:
    """Note a hash of what every event says beside its id, before anything is taken from it."""
    own = frame.own
    if len(keys) == 1:  # as nearly always; then nothing needs to be copied
        (key,) = keys
        for row, event in enumerate(frame.events):
            value = event.get(key)
            if _may_be_id(value):
                del event[key]
                own[row] = _digest(event)
                event[key] = value  # at the end, whence it is taken by its name
        return
    for row, event in enumerate(frame.events):
        if any(_may_be_id(event.get(key)) for key in keys):
            own[row] = _digest({key: value for key, value in event.items() if key not in keys})


def _digest(rest: Values) -> int:
    return int.from_bytes(blake2b(_encode(rest), digest_size=_HASH_BYTES).digest(), "big")


def _may_be_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) in UUID_LENGTHS


def is_nested(value: Any) -> bool:
    """Whether a later step may change the value itself, so that no two events may share it."""
    return isinstance(value, dict | list)


def lower(event: Values) -> Values:
    """Keys and texts of an event in lower case, hashes as they are."""
    return {
        key.lower(): value.lower()
        if isinstance(value, str) and key.lower() not in _HASHES else value
        for key, value in event.items()
    }


def name_by_content(frame: Frame) -> None:
    """An event without a name takes `content` for one, as the original does."""
    content = frame.sent.get("content")
    if content is None:
        return
    names = frame.sent.setdefault("ename", [None] * len(frame))
    for row, (name, text) in enumerate(zip(names, content, strict=True)):
        if name is None and text and isinstance(text, str):
            names[row], content[row] = text, None
