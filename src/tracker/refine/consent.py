"""What an event may say by the flags that its visitor gave: the rest is blanked before sealing."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.columns import BATCH_COLUMNS
from tracker.hit import KEYED, OWN
from tracker.kinds import RowKind
from tracker.refine.arrays import repeated_text
from tracker.refine.decode import Values
from tracker.refine.frame import Frame
from tracker.refine.names import PERSONAL
from tracker.schema.tables import FED
from tracker.settings import ConsentSettings

Rows = NDArray[np.bool_]

_NOBODY = np.array(sorted(KEYED | OWN), np.int32)
"""Routes of what services and the tracker itself send: no visitor stands behind it."""

_OBJECTS = ("params", "targets")
_TEXTS = frozenset({"subject", "msg", "data", "mtempl", "mtempl_object", "content"})
"""What a message says, under the names that it has in `extra`."""

_IDENTITY = tuple(column for column in BATCH_COLUMNS
                  if column.personal and column.name not in (*_OBJECTS, "extra"))
_KEYS = PERSONAL | {key for column in _IDENTITY for key in (column.name, *column.keys)}

_decode = msgspec.json.Decoder(list[Values]).decode
_encode = msgspec.json.Encoder().encode


def _people(kind: RowKind) -> frozenset[str]:
    """What names somebody in the `extra` of a kind."""
    return frozenset({fed.key(column) for fed in FED if fed.kind is kind
                      for column in fed.own if column.personal}) - _TEXTS


_PEOPLE: Mapping[str, frozenset[str]] = {
    str(kind): _people(kind)
    for kind in (RowKind.EVENT, RowKind.PAYMENT, RowKind.MESSAGE, RowKind.AGREEMENT)}


class Consent:
    """Blanks what an event lacks the bits for. The event itself is kept, and counts.

    An agreement keeps its `vid`, also where it says no: it is the proof of what was agreed to.
    """

    def __init__(self, settings: ConsentSettings) -> None:
        self._settings = settings
        self.asks = bool(settings.identity or settings.params)
        """Whether there is anything to do."""

    def withhold(self, frame: Frame) -> None:
        """Blank columns, `extra`, and what is left of the events for `params`."""
        flags = self._flags(frame)
        routes = np.array([hit.route for hit in frame.hits], np.int32)[frame.hit]
        visitors = ~np.isin(routes, _NOBODY)
        nameless = _lack(flags, self._settings.identity) & visitors
        wordless = _lack(flags, self._settings.params) & visitors
        if nameless.any():
            _forget_who(frame, nameless)
        if wordless.any():
            _forget_words(frame, wordless)
        _thin_extra(frame, nameless, wordless)

    def _flags(self, frame: Frame) -> NDArray[np.int64]:
        """The flags of each row; of what cannot be read 0, as in its column."""
        flags: NDArray[np.int64] = frame.columns["cflags"].to_numpy(zero_copy_only=False)
        if not self._settings.assumed:
            return flags
        sent = frame.sent.get("cflags")
        if sent is None:
            return np.full(len(frame), self._settings.assumed, np.int64)
        absent = np.fromiter((value is None for value in sent), np.bool_, len(frame))
        return np.where(absent, self._settings.assumed, flags)


def _lack(flags: NDArray[np.int64], needed: int) -> Rows:
    """Rows without all of the bits; a number below 0 is no set of flags."""
    lacking: Rows = ((flags & needed) != needed) | (flags < 0) if needed else \
        np.zeros(len(flags), np.bool_)
    return lacking


def _forget_who(frame: Frame, rows: Rows) -> None:
    columns, mask = frame.columns, pa.array(rows)
    proofs = columns["kind"].to_numpy(zero_copy_only=False) == RowKind.AGREEMENT
    for column in _IDENTITY:
        made = columns[column.name]
        blank = pa.scalar("" if pa.types.is_string(made.type) else None, made.type)
        blanked = pa.array(rows & ~proofs) if column.name == "vid" else mask
        columns[column.name] = pc.if_else(blanked, blank, made)
    columns["first"] = pc.and_(columns["first"], pc.invert(mask))  # it would count as a visitor
    kinds = columns["kind"].to_pylist()
    for row in np.flatnonzero(rows).tolist():
        named = _KEYS | _PEOPLE.get(kinds[row], frozenset())
        for values in (frame.events[row], frame.params[row]):
            if values:
                _strip(values, named)


def _strip(value: Any, named: frozenset[str]) -> None:
    """Take members of these names out of objects, in any case and at any depth."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            for key in [key for key in found if key.lower() in named]:
                del found[key]
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _forget_words(frame: Frame, rows: Rows) -> None:
    mask = pa.array(rows)
    frame.columns["targets"] = pc.if_else(
        mask, repeated_text("{}", len(frame)), frame.columns["targets"])
    for row in np.flatnonzero(rows).tolist():
        frame.events[row], frame.params[row] = {}, None


def _thin_extra(frame: Frame, nameless: Rows, wordless: Rows) -> None:
    """Take out of the objects of other tables what is blanked in the event."""
    extra = frame.columns["extra"]
    made = pc.greater(pc.binary_length(extra), 0).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero((nameless | wordless) & made).tolist()
    if not rows:
        return
    texts, kinds = extra.to_pylist(), frame.columns["kind"].to_pylist()
    for row in rows:
        named = _PEOPLE.get(kinds[row], frozenset()) if nameless[row] else frozenset()
        hidden = named | _TEXTS if wordless[row] else named
        texts[row] = _encode([{key: value for key, value in item.items() if key not in hidden}
                              for item in _decode(texts[row])]).decode()
    frame.columns["extra"] = pa.array(texts, pa.string())
