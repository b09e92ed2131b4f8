"""Whether what services send can be kept: lines of logs, counts and updates."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from tracker.errors import RequestRefused
from tracker.hit import BATCHES, Route, Shape
from tracker.intake.body import Body, BodyReader, Fault, Refused, settled
from tracker.logwords import LEVELS, read_level, read_nanoseconds
from tracker.settings import IntakeSettings

RESERVED: Final = "vids_created"  # counted by the tracker itself
MOST_BY: Final = 1_000_000_000
NAME_CHARS: Final = 200
MSG_CHARS: Final = 1 << 20
_DAYS: Final = (date(1970, 1, 1), date(2105, 12, 31))
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch
_BEYOND_MS: Final = 10**14

_decode = msgspec.json.Decoder(dict[str, Any]).decode

Found = tuple[Fault, str] | None
Check = Callable[[Any], str | None]
"""What is wrong with a value, if anything; it follows the name of the field."""


def _name(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() and len(value) <= NAME_CHARS else \
        f"must be a text of 1 to {NAME_CHARS} characters"


def _word(value: Any) -> str | None:
    return None if isinstance(value, str) and len(value) <= NAME_CHARS else \
        f"must be a text of at most {NAME_CHARS} characters"


def _msg(value: Any) -> str | None:
    return None if isinstance(value, str) and len(value) <= MSG_CHARS else \
        f"must be a text of at most {MSG_CHARS} characters"


def _level(value: Any) -> str | None:
    return None if read_level(value) is not None else \
        f"must be a number, or one of {', '.join(LEVELS)}"


def _ltime(value: Any) -> str | None:
    return None if read_nanoseconds(value) is not None else (
        "must be a time as 2026-01-31T23:59:59.123456789Z, or nanoseconds since 1970, up to 2262")


def _counter(value: Any) -> str | None:
    return f"may not be {RESERVED}, which the tracker counts itself" if value == RESERVED \
        else _name(value)


def _by(value: Any) -> str | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_BY
    return None if whole else f"must be a whole number from 1 to {MOST_BY}"


def _day(value: Any) -> str | None:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and _DATE(value) else None
    except ValueError:
        day = None
    return None if day is not None and _DAYS[0] <= day <= _DAYS[1] else (
        f"must be a day as 2026-01-31, from {_DAYS[0]} to {_DAYS[1]}")


def _updated(value: Any) -> str | None:
    if isinstance(value, str):
        if _ltime(value) is None and not value.strip().isdecimal():
            return None
        value = int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else None
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _BEYOND_MS
    return None if whole else (
        "must be a time as 2026-01-31T23:59:59.123Z, or milliseconds since 1970")


def _any(_: Any) -> str | None:
    return None


_CHECKS: dict[Route, dict[str, Check]] = {
    Route.LOG: {
        "msg": _msg, "level": _level, "ltime": _ltime, "ltimenss": _ltime, "id": _word,
        "topic": _word, "name": _word, "host": _word, "hostname": _word, "owner": _word},
    Route.COUNT: {"id": _counter, "by": _by, "day": _day, "eid": _any},
    Route.UPDATE: {"id": _name, "msg": _msg, "updated": _updated, "eid": _any},
}
_NEEDED: dict[Route, tuple[str, ...]] = {
    Route.LOG: ("msg",), Route.COUNT: ("id",), Route.UPDATE: ("id", "msg")}


class ServerMessages:
    """Reads the bodies of what services send."""

    def __init__(self, settings: IntakeSettings) -> None:
        self._bodies = BodyReader(settings)

    def read(self, route: Route, data: bytes, content_type: bytes) -> Body:
        """The body; of a batch without what cannot be kept. Raises `RequestRefused`."""
        body = self._bodies.read(data, content_type)
        if body.shape in (Shape.NONE, Shape.FORM):
            raise RequestRefused(400, "not_json", "The body must be a JSON object, an array of"
                                 " objects, or one object a line.")
        refused = {fault.index: fault for fault in body.refused}
        events = list(body.events)
        for index, text in enumerate(events):
            found = None if text is None else _fault(route, text)
            if found is None:
                continue
            if body.shape not in BATCHES:
                raise RequestRefused(400, *found[0], found[1] or None)
            events[index] = None
            field = f"[{index}].{found[1]}" if found[1] else f"[{index}]"
            refused[index] = Refused(index, *found[0], field)
        faults = [refused[at] for at in sorted(refused)]
        return settled(body._replace(events=events, refused=faults))


def _fault(route: Route, text: bytes) -> Found:
    try:
        said = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # numbers beyond a double
        return Fault("not_json", "The message holds a number that is too large."), ""
    checks = _CHECKS[route]
    for key, value in said.items():
        name = key.lower()
        if name not in checks:
            if route is not Route.LOG:
                return Fault("unknown_key", f"`{key[:NAME_CHARS]}` is not known here; there are"
                             f" {', '.join(checks)}."), key[:NAME_CHARS]
        elif value is not None and (wrong := checks[name](value)) is not None:
            return Fault("bad_value", f"`{key}` {wrong}."), key
    return _missing(route, {key.lower(): value for key, value in said.items()})


def _missing(route: Route, said: Mapping[str, Any]) -> Found:
    for name in _NEEDED[route]:
        if said.get(name) is None:
            return Fault("missing", f"`{name}` is missing."), name
    return None
