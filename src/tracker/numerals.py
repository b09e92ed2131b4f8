"""Numbers as clients write them: read in one way before the answer and for the row."""

import math
import re
from typing import Any

_LONGEST = 64
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


def read_number(value: Any) -> float | None:
    """A finite double; an integer that a double cannot hold exactly is none."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST or _NUMBER.fullmatch(text) is None:
            return None
        value = float(text)
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number == value else None


def read_integer(value: Any) -> int | None:
    """A 64-bit integer; 6.0 and "6" are 6, and 1.5 is none."""
    if isinstance(value, str):
        value = _integer_or_float(value.strip())
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX:
        return int(value)
    return None


def _integer_or_float(text: str) -> int | float | None:
    if len(text) > _LONGEST or _NUMBER.fullmatch(text) is None:
        return None
    digits = text.lstrip("+-")
    if digits.isdigit():
        return int(text)
    return float(text)
