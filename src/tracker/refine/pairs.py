"""Pairs of a query string or of a form."""

from urllib.parse import unquote_plus


def read_pairs(text: str) -> dict[str, str]:
    """Key -> its first value, both percent-decoded, `+` read as a space."""
    pairs: dict[str, str] = {}
    for part in text.split("&"):
        key, _, value = part.partition("=")
        if key or value:
            pairs.setdefault(_plain(key), _plain(value))
    return pairs


def _plain(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text
