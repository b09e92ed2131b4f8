"""Text of a config file as settings, or an error that names what is wrong."""

from pathlib import Path

from fuzz.checks.door import TAIL
from tracker.config.check import report
from tracker.config.goregex import compile_go
from tracker.config.load import _build
from tracker.config.read import Reader, parse
from tracker.errors import ConfigError
from tracker.intake import Intake

_PATH = Path("/nonexistent/config.json")
_MOST = 200


def check(data: bytes) -> None:
    """Settings that a start can use, or `ConfigError`; a mark is filled with the file's end."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    reader = Reader({"A": text[-_MOST:], "B": "7", "C": text[:_MOST]}, _PATH.parent)
    try:
        settings = _build(parse(text), _PATH, reader)
        report(settings)
        Intake(settings.intake, TAIL)
    except ConfigError as error:
        assert str(error)


def check_goregex(data: bytes) -> None:
    """A pattern that Python compiles, or `ConfigError`."""
    try:
        compile_go("UrlFilter", data.decode("utf-8", "replace"))
    except ConfigError as error:
        assert str(error).startswith("UrlFilter: ")
