"""Who and which: the ids of an event, its visitor and its session, and whether it is the first."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracker.refine.arrays import id_texts, or_else, repeated_text, texts
from tracker.refine.coerce import read_flag
from tracker.refine.columns import cells, text_cells
from tracker.refine.frame import Frame
from tracker.refine.ids import (
    NIL,
    canonical_column,
    event_ids,
    hit_ids,
    plain_ids,
    uuid_digits,
)

_NIL_DIGITS = NIL.replace("-", "")


def identify(frame: Frame) -> None:
    """Set `eid`, `vid`, `sid` and `first`."""
    frame.ids = event_ids(frame.hits, frame.hit, frame.index)
    frame.given = np.zeros(len(frame), np.bool_)
    _take_event_ids(frame)
    frame.columns["eid"] = id_texts(frame.ids)
    own = id_texts(hit_ids(frame.hits)).take(pa.array(frame.hit))
    visitors = _ids(frame, "vid")
    frame.columns["sid"] = or_else(_ids(frame, "sid"), own)
    frame.columns["vid"] = or_else(visitors, own)
    is_new = pc.equal(pc.binary_length(visitors), 0)
    sent = frame.sent.get("first")
    frame.columns["first"] = is_new if sent is None else pc.coalesce(
        pa.array(cells(frame, "first", sent, read_flag), pa.bool_()), is_new)


def _take_event_ids(frame: Frame) -> None:
    """Put the UUIDs of clients in place of ours; any other value of `eid` is kept, and one that
    a batch has for all its events."""
    sent = frame.sent.get("eid")
    if sent is None:
        return
    if not frame.shared and (plain := plain_ids(sent)) is not None:
        ids, usual = plain
        frame.ids[usual] = ids
        frame.given[usual] = True
        if len(usual) == len(sent):
            return
        left = np.ones(len(sent), np.bool_)
        left[usual] = False
        _take_odd_ids(frame, sent, np.flatnonzero(left).tolist())
    else:
        _take_odd_ids(frame, sent, range(len(sent)))


def _take_odd_ids(frame: Frame, sent: list[Any], candidates: Iterable[int]) -> None:
    rows, found = [], []
    for row in candidates:
        value, digits = sent[row], None
        if isinstance(value, str) and row not in frame.shared:
            digits = uuid_digits(value)
        if digits is None:
            if value is not None:
                frame.keep(row, "eid", value)
        elif digits != _NIL_DIGITS:
            rows.append(row)
            found.append(digits)
    if rows:
        frame.ids[rows] = np.frombuffer(bytes.fromhex("".join(found)), np.uint8).reshape(-1, 16)
        frame.given[rows] = True


def _ids(frame: Frame, name: str) -> pa.Array:
    sent = frame.sent.get(name)
    if sent is None:
        return repeated_text("", len(frame))
    return canonical_column(texts(text_cells(frame, name, sent)))
