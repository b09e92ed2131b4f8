"""Line items of payments: what `/ltv/` was sent, as rows of `payments`."""

import re
from decimal import Decimal
from typing import Any

from tracker.refine.coerce import read_number, read_text
from tracker.refine.decode import Values
from tracker.refine.frame import Frame
from tracker.refine.moments import moment_text, read_moment
from tracker.refine.said import lower, said
from tracker.schema.columns import Column, Kind
from tracker.schema.tables.users import PAYMENTS_FED

_AMOUNT = re.compile(r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = Decimal(10) ** 14
_PLACES = Decimal("0.0001")
_CURRENCY = "USD"


def line_items(frame: Frame, row: int) -> list[Values]:
    """One object per line item: each in the list `payments`, else the event itself.

    An item is known by its `id`, else by its order or invoice and its place in it, else by the
    event: the same item sent again replaces what it was before.
    """
    sent = said(frame, row)
    listed = sent.get("payments")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    event = frame.columns["eid"][row].as_py()
    moment = moment_text(frame.columns["received_at"][row].as_py())
    made = []
    seen = {name: frame.columns[name][row].as_py() for name in ("vid", "sid") if sent.get(name)}
    for index, item in enumerate([lower(item) for item in items] or [sent]):
        values = {column.name: _read(column, item.get(column.name)) for column in PAYMENTS_FED.own}
        if values["revenue"] is None:
            values["revenue"] = read_money(item.get("amt"))
        for name in ("orid", "invid", "campaign_id"):
            values[name] = values[name] or read_text(sent.get(name)) or ""
        values |= seen
        values["currency"] = (values["currency"] or _CURRENCY).upper()
        values["id"] = values["id"] or f"{values['orid'] or values['invid'] or event}:{index}"
        values["paid_at"] = values["paid_at"] or moment
        values["updated_at"] = moment
        made.append({name: value for name, value in values.items() if value not in (None, "")})
    return made


def read_money(value: Any) -> str | None:
    """An amount with at most 4 decimals and 14 digits before them; what has more is rounded."""
    text = None if isinstance(value, bool) else read_text(value)
    if text is None or _AMOUNT.fullmatch(text.strip()) is None:
        return None
    amount = Decimal(text.strip())
    return str(amount.quantize(_PLACES)) if abs(amount) < _LARGEST else None


def _read(column: Column, value: Any) -> Any:
    if value is None:
        return None
    match column.kind:
        case Kind.MONEY:
            return read_money(value)
        case Kind.NUMBER:
            return read_number(value)
        case Kind.MOMENT | Kind.TIME:
            return read_moment(value)
    return read_text(value)
