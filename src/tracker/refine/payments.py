"""Line items of payments: what `/ltv/` was sent, as rows of `payments`."""

from collections import Counter
from decimal import Decimal
from typing import Any

from tracker import money
from tracker.columns import Column, Kind
from tracker.numerals import read_number
from tracker.refine.coerce import read_text
from tracker.refine.decode import Values
from tracker.refine.frame import Frame
from tracker.refine.moments import moment_text, read_moment
from tracker.refine.said import lower, said
from tracker.schema.tables.users import PAYMENTS_FED
from tracker.settings import RefineSettings

_CURRENCY = "USD"
_OF_ALL = ("orid", "invid", "campaign_id", "currency")
"""What an item that does not say it takes from the payment that it is in."""


class LineItems:
    """Makes line items, and counts each in the base currency where its rate is known."""

    def __init__(self, settings: RefineSettings) -> None:
        self._base = settings.base_currency
        self._rates = settings.rates

    def make(self, frame: Frame, row: int) -> list[Values]:
        """One object per line item: each in the list `payments`, else the event itself.

        An item is known by its `id`, else by its order or invoice and its place among the items
        of that, else by the event: the same item sent again replaces what it was before.
        """
        event_said = said(frame, row)
        listed = event_said.get("payments")
        items = [item for item in listed if isinstance(item, dict)] if isinstance(
            listed, list) else []
        event = frame.columns["eid"][row].as_py()
        moment = moment_text(frame.columns["received_at"][row].as_py())
        seen = {name: frame.columns[name][row].as_py() for name in ("vid", "sid")
                if event_said.get(name)}
        made, places = [], Counter[str]()
        for item in [lower(item) for item in items] or [event_said]:
            values = {column.name: _read(column, item.get(column.name))
                      for column in PAYMENTS_FED.own}
            if values["revenue"] is None:
                values["revenue"] = money.read_amount(item.get(money.AMOUNT))
            for name in _OF_ALL:
                values[name] = values[name] or read_text(event_said.get(name)) or ""
            values |= seen
            values["currency"] = (values["currency"].strip() or self._base or _CURRENCY).upper()
            values["id"] = values["id"] or _id(values, event, places)
            values["paid_at"] = values["paid_at"] or moment
            values["updated_at"] = moment
            values["worth"], values["worth_currency"] = self._worth(
                values["revenue"], values["currency"])
            made.append({name: value for name, value in values.items() if value not in (None, "")})
        return made

    def _worth(self, revenue: str | None, currency: str) -> tuple[str | None, str]:
        """What an item counts for, and in which currency."""
        rate = self._rates.get(currency, Decimal(1) if currency == self._base else None)
        if revenue is None or rate is None:
            return revenue, currency
        worth = money.converted(revenue, rate)
        return (revenue, currency) if worth is None else (worth, self._base)


def _id(values: Values, event: str, places: Counter[str]) -> str:
    """A refund of an order is another item than what was paid for it."""
    refund = values["revenue"] is not None and values["revenue"].startswith("-")
    whole = (values["orid"] or values["invid"] or event) + (":refund" if refund else "")
    places[whole] += 1
    return f"{whole}:{places[whole] - 1}"


def _read(column: Column, value: Any) -> Any:
    if value is None:
        return None
    match column.kind:
        case Kind.MONEY:
            return money.read_amount(value)
        case Kind.NUMBER:
            return read_number(value)
        case Kind.MOMENT | Kind.TIME:
            return read_moment(value)
    return read_text(value)
