"""Pairs of a query string or of a form."""

from urllib.parse import unquote_to_bytes

from tracker.refine.memory import remembered

_REMEMBERED = 20_000


def read_pairs(text: str) -> dict[str, str]:
    """Key -> its first value, both percent-decoded, `+` read as a space."""
    pairs: dict[str, str] = {}
    for part in text.split("&"):
        key, _, value = part.partition("=")
        if "+" in part:
            key, value = key.replace("+", " "), value.replace("+", " ")
        if "%" in part:
            key, value = percent_decoded(key), percent_decoded(value)
        if (key or value) and key not in pairs:
            pairs[key] = value
    return pairs


def _decode(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


_recall = remembered(_decode, _REMEMBERED)


def percent_decoded(text: str) -> str:
    """The text with its %xx read as UTF-8; what is no escape stays."""
    return _recall(text) if "%" in text else text
