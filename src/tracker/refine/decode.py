"""JSON of clients as Python values, every text of which is valid Unicode."""

import json
from typing import Any

import msgspec

from tracker.settings import IntakeSettings

Values = dict[str, Any]

_decode = msgspec.json.Decoder(Values).decode
_DEEPEST = IntakeSettings().json_depth
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_object(text: bytes | str) -> Values:
    """The object in `text`; raises `msgspec.DecodeError` or its kin where there is none.

    What the strict decoder refuses though it is JSON by its grammar is read leniently: half
    surrogate pairs and bytes that are no UTF-8 become U+FFFD, numbers beyond a double text.
    """
    try:
        return _decode(text)
    except BROKEN:
        return _lenient(text)


def read_object(text: str) -> Values | None:
    """The object in `text`, or None where there is none, or a deeper one than the door takes."""
    try:
        found = decode_object(text)
    except BROKEN:
        return None
    brackets = text.count("[") + text.count("{")
    return None if brackets > _DEEPEST and _is_deep(found) else found


def _is_deep(value: Any) -> bool:
    """Whether lists and objects nest deeper than `_DEEPEST` levels."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level
                 for inner in (outer.values() if isinstance(outer, dict) else outer)
                 if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _lenient(text: bytes | str) -> Values:
    plain = text if isinstance(text, str) else bytes(text).decode("utf-8", "replace")
    try:
        value = _loads(plain)
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    if not isinstance(value, dict):
        raise msgspec.ValidationError("not an object")
    return value


def _loads(text: str) -> Any:
    return _valid(json.loads(text, parse_float=_float, parse_int=_int, parse_constant=_constant))


def _float(text: str) -> float | str:
    number = float(text)
    return number if abs(number) != float("inf") else text


def _int(text: str) -> int | str:
    return int(text) if len(text) < 40 else text


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _valid(value: Any) -> Any:
    """The value with every text, keys too, free of half surrogate pairs."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_valid(key): _valid(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_valid(item) for item in value]
    return value
