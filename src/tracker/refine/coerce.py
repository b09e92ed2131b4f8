"""One value of JSON brought to the type of its column, or None where it cannot be."""

from typing import Any

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0", ""})


def read_text(value: Any) -> str | None:
    """Text of text, numbers and booleans; lists and objects are none."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return repr(value)
    return None


def read_flag(value: Any) -> bool | None:
    """A boolean as people write one: true, 1, "yes", "on", and their opposites."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in {0, 1} else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None
