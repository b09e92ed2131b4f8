"""Who and which: the ids of an event, its visitor and its session, and whether it is the first."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracker.refine.arrays import id_texts, or_else
from tracker.refine.coerce import read_flag
from tracker.refine.columns import cells, text_cells
from tracker.refine.frame import Frame
from tracker.refine.ids import NIL, canonical_column, event_ids, hit_ids, uuid_digits

_NIL_DIGITS = NIL.replace("-", "")


def identify(frame: Frame) -> None:
    """Set `eid`, `vid`, `sid` and `first`."""
    frame.ids = event_ids(frame.hits, frame.hit, frame.index)
    frame.given = np.zeros(len(frame), np.bool_)
    for row, value in enumerate(frame.sent.get("eid", ())):
        if value is not None:
            _take_event_id(frame, row, value)
    frame.columns["eid"] = id_texts(frame.ids)
    own = id_texts(hit_ids(frame.hits)).take(pa.array(frame.hit))
    visitors = _ids(frame, "vid")
    frame.columns["sid"] = or_else(_ids(frame, "sid"), own)
    frame.columns["vid"] = or_else(visitors, own)
    is_new = pc.equal(pc.binary_length(visitors), 0)
    said = cells(frame, "first", frame.sent.get("first", [None] * len(frame)), read_flag)
    frame.columns["first"] = pc.coalesce(pa.array(said, pa.bool_()), is_new)


def _take_event_id(frame: Frame, row: int, value: Any) -> None:
    digits = uuid_digits(value) if isinstance(value, str) else None
    if digits is None:
        frame.keep(row, "eid", value)
    elif digits != _NIL_DIGITS:
        frame.ids[row] = np.frombuffer(bytes.fromhex(digits), np.uint8)
        frame.given[row] = True


def _ids(frame: Frame, name: str) -> pa.Array:
    sent = frame.sent.get(name, [None] * len(frame))
    return canonical_column(
        pc.fill_null(pa.array(text_cells(frame, name, sent), pa.string()), ""))
