"""Logs of all processes: lines to read on a terminal, JSON elsewhere; never what clients sent."""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FRAMES = 8
"""How much of a traceback is logged, from its inner end."""

ExceptionTriple = tuple[type[BaseException], BaseException, TracebackType | None]


def set_up_logs(debug: bool = False) -> None:
    """Send structlog and the standard library's loggers to stderr, in one form; and to those
    handlers of the root that write to no stream.

    On a terminal an exception shows whole with `debug`. Otherwise only its type and place: its
    message may hold what a client sent.
    """
    readable = sys.stderr.isatty()
    level = logging.DEBUG if debug else logging.INFO
    shared: list[Processor] = [structlog.stdlib.add_log_level, _add_logger,
                               structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if not debug:
        shared.append(place_of_exception)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared,
                    structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True)
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if readable:
        last.append(structlog.dev.ConsoleRenderer())
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared], processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler, *(other for other in root.handlers
                                   if not isinstance(other, logging.StreamHandler))]
    root.setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # each bad request is a warning
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _add_logger(logger: WrappedLogger, _: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    name = record.name if record is not None else getattr(logger, "name", None)
    if name:
        event["logger"] = name
    return event


def place_of_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put type and place of an exception where its text would be."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["error"] = type(error).__name__
        event["at"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                       for frame in traceback.extract_tb(error.__traceback__)[-FRAMES:]]
    return event


def _exception(info: Any) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        found = info[1]
        return found if isinstance(found, BaseException) else None
    return sys.exc_info()[1] if info else None
