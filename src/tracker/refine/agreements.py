"""Agreements: what `/ppi/agree` was sent, as rows of `agreements` and `agreed`."""

from typing import Any

import msgspec

from tracker.refine.coerce import read_text
from tracker.refine.decode import Values, read_object
from tracker.refine.frame import Frame
from tracker.refine.moments import moment_text
from tracker.refine.params import tidy
from tracker.refine.said import said

_encoder = msgspec.json.Encoder()


def agreements(frame: Frame, row: int) -> list[Values]:
    """One object with what an event has no column for; the rest is the row's own."""
    sent = said(frame, row)
    values: Values = {
        "updated_at": moment_text(frame.columns["received_at"][row].as_py()),
        "avid": read_text(sent.get("avid")),
        "owner": read_text(sent.get("owner")),
    }
    for name in ("compliances", "loc"):
        found = _object(sent.get(name))
        tidy(found, typing=False)
        values[name] = _encoder.encode(found).decode()
    return [{name: value for name, value in values.items() if value not in (None, "")}]


def _object(value: Any) -> Values:
    """An object, also as its text; of a list of names each is true; {} for all else."""
    found = read_object(value) if isinstance(value, str) else value
    if isinstance(found, list):
        return {name: True for name in found if isinstance(name, str)}
    return dict(found) if isinstance(found, dict) else {}
