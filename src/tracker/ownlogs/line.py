"""One warning as it goes from the process that has it to the one that keeps it.

It holds words of our own source, numbers, and names that we gave: nothing that a client sent, and
no text of a library, an engine or an exception, which may quote it.
"""

import builtins
import errno
import logging
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

import msgspec

from tracker.logs import place_of_exception

LOST_WORDS: Final = "a library says something, which the process's log has"

_OURS: Final = "tracker."
_FOREIGN: Final = frozenset({"tracker.door.websocket"})  # lent to a library
_NAMES: Final = frozenset({"process", "store", "thread", "table", "file", "kept"})
_ASIDE: Final = frozenset({"event", "level", "logger", "timestamp", "at"})
_LONGEST: Final = 500  # characters of a text
_MOST: Final = 16  # names, numbers, places
_LEVELS: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4))
_WORDS: Final = frozenset(map(os.strerror, errno.errorcode)) | {
    name for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)}
"""Of errors the system's texts and Python's types: whoever sends something cannot add to them."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A warning.

    `process`  who warns: `supervisor`, `w0`, `store`, `query`
    `logger`   the part of it
    `level`    its severity (RFC 5424): 2, 3 or 4
    `time`     nanoseconds since 1970
    `about`    what it is about: names of ours, and numbers
    `at`       where an exception came from, as `file:line function`
    `lost`     lines before this one that did not get through
    """

    process: str
    pid: int
    logger: str
    level: int
    msg: str
    time: int
    about: dict[str, str | int | float | bool] = {}
    at: list[str] = []
    lost: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """What two lines have in common that say the same: words and names, not the numbers."""
        named = (str(self.about.get(name, "")) for name in ("process", "store", "thread", "table"))
        return (self.process, self.logger, self.msg, *named)


encode_line = msgspec.json.Encoder().encode
decode_line = msgspec.json.Decoder(Line).decode


def line_of(record: logging.LogRecord, process: str, lost: int = 0) -> Line:
    """The warning in a record of `logging`, of structlog's as well."""
    fields: dict[str, Any] = dict(record.msg) if isinstance(record.msg, dict) else {}
    if isinstance(record.msg, dict):
        msg = str(fields.get("event", ""))
    else:
        msg = _formatted(record) if _is_ours(record.name) else LOST_WORDS
    if record.exc_info:
        fields.setdefault("exc_info", record.exc_info)
    fields = dict(place_of_exception(None, "", fields))
    return Line(
        process=process, pid=record.process or 0, logger=record.name[:_LONGEST],
        level=next((level for least, level in _LEVELS if record.levelno >= least), 4),
        msg=msg[:_LONGEST], time=int(record.created * 1e9), about=_about(fields),
        at=[str(place)[:_LONGEST] for place in fields.get("at", ())][-_MOST:], lost=lost)


def _is_ours(name: str) -> bool:
    return name.startswith(_OURS) and name not in _FOREIGN


def _about(fields: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    names = _NAMES | ({"error"} if "at" in fields else frozenset())  # it is the type then
    found: dict[str, str | int | float | bool] = {}
    for name, value in fields.items():
        known = None if name in _ASIDE else _known(value, named=name in names)
        if known is not None and len(found) < _MOST:
            found[name] = known
    return found


def _known(value: Any, *, named: bool) -> str | int | float | bool | None:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and (named or value in _WORDS):
        return value[:_LONGEST]
    return None


def _formatted(record: logging.LogRecord) -> str:
    """The words of a plain record with what stands for its arguments."""
    template = str(record.msg)
    arguments = record.args if isinstance(record.args, tuple) else ()
    try:
        return template % tuple(map(_argument, arguments)) if arguments else template
    except (TypeError, ValueError):  # of a number there is only a word
        return template


def _argument(value: Any) -> str | int | float:
    if isinstance(value, OSError) and value.strerror in _WORDS:
        return str(value.strerror)
    if isinstance(value, BaseException):
        return type(value).__name__
    if isinstance(value, PurePath):
        return value.name
    known = _known(value, named=False)
    return "…" if known is None else known
