"""Amounts of money and their currencies: what is one, and how much of it is kept."""

import re
from decimal import Decimal
from typing import Any

from iso4217 import raw_table

CURRENCIES: frozenset[str] = frozenset(code for code in raw_table if code)
"""The codes of ISO 4217 that are in use."""

AMOUNTS: tuple[str, ...] = (
    "price", "discount", "revenue", "margin", "cost", "tax", "commission", "referral", "fees",
    "subtotal", "total", "payment")
"""The amounts of a line item."""

AMOUNT = "amt"
"""The key for `revenue` that clients use."""

QUANTITIES: tuple[str, ...] = ("qty", "tax_rate")
"""Numbers of a line item that are no amounts."""

class Number(str):
    """The text of a JSON number with a point or an exponent, not yet made a double."""

    __slots__ = ()


_NUMBER = re.compile(r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = Decimal(10) ** 14
_PLACES = Decimal("0.0001")
_NOISE = Decimal("1e-14")  # what sums of doubles leave: 0.1 + 0.2 is 0.30000000000000004


def read_amount(value: Any) -> str | None:
    """An amount with at most 14 digits before the point, rounded to 4 behind it; else None."""
    amount = _decimal(value)
    return None if amount is None else _kept(amount)


def amount_fault(value: Any) -> str | None:
    """What is wrong with an amount, as what follows "`amt`"; None where it is kept as it is.

    `value` is as JSON has it, but of a number with a point or exponent the `Number`.
    """
    amount = _decimal(value)
    if amount is None:
        return "is no number; write it as 1234.56"
    if _kept(amount) is None:
        return "is too large; an amount has at most 14 digits before the point"
    kept = amount.quantize(_PLACES)
    if isinstance(value, Number):
        if abs(amount - kept) > abs(amount) * _NOISE:
            return "has more than 4 decimals; round it"
        if Decimal(repr(float(value))).quantize(_PLACES) != kept:
            return "has more digits than a JSON number keeps; send it as a text"
    elif amount != kept:
        return "has more than 4 decimals; round it"
    return None


def is_number(value: Any) -> bool:
    """Whether a quantity is a number or the text of one."""
    return _decimal(value) is not None


def currency_code(value: Any) -> str | None:
    """The code of a currency in use, in capitals; None of anything else."""
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if code in CURRENCIES else None


def converted(amount: str, rate: Decimal) -> str | None:
    """An amount at a rate, rounded half to even; None where the result is too large to keep."""
    return _kept(Decimal(amount) * rate)


def _kept(amount: Decimal) -> str | None:
    if abs(amount) >= _LARGEST:
        return None
    kept = amount.quantize(_PLACES)
    return str(kept) if abs(kept) < _LARGEST else None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    return Decimal(text) if _NUMBER.fullmatch(text) else None
