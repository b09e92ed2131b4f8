"""How services write levels and times of log lines, read for the check and for the row."""

import re
from datetime import UTC, datetime
from typing import Any, Final

LEVELS: Final = {
    "emergency": 0, "emerg": 0, "panic": 0, "alert": 1, "critical": 2, "crit": 2, "fatal": 2,
    "error": 3, "err": 3, "warning": 4, "warn": 4, "notice": 5, "informational": 6, "info": 6,
    "debug": 7, "trace": 7,
}
"""Names and their severity (RFC 5424, 6.2.1); that has none for `trace`."""

NEWEST_NANOSECONDS: Final = (1 << 63) - 1  # in 2262; what stores hold

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?",
                   re.ASCII)
_WHOLE = re.compile(r"\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_level(value: Any) -> int | None:
    """The number of a level: its name in any case, or up to nine digits; None is none."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in LEVELS:
            return LEVELS[word]
        return int(word) if _NUMBER.fullmatch(word) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) < 10**9 else None


def read_nanoseconds(value: Any) -> int | None:
    """Nanoseconds since 1970 of RFC 3339 text with up to nine decimals, or of so many; else None.

    A time without an offset is UTC.
    """
    if isinstance(value, str):
        text = value.strip()
        found = _TIME.fullmatch(text)
        if found is not None:
            return _within(_nanoseconds(*found.groups()))
        value = int(text) if _WHOLE.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return _within(value)


def nano_text(nanoseconds: int) -> str:
    """A time, UTC, to the nanosecond, as stores take it."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{rest:09}"


def _within(nanoseconds: int | None) -> int | None:
    return nanoseconds if nanoseconds is not None and 0 <= nanoseconds <= NEWEST_NANOSECONDS \
        else None


def _nanoseconds(day: str, clock: str, fraction: str | None, offset: str | None) -> int | None:
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{(offset or 'Z').upper()}")
    except ValueError:
        return None
    apart = moment - _EPOCH
    return (apart.days * 86_400 + apart.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))
