"""What a warning says on its way to the table: our words, and nothing that a client sent."""

import ast
import errno
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

import tracker
from tracker.confinement import version
from tracker.logs import set_up_logs
from tracker.ownlogs.line import LOST_WORDS, Line, decode_line, encode_line, line_of
from tracker.ownlogs.teller import WHOLE_BYTES, Teller

SECRET = "anna@example.com"
SOURCES = sorted(Path(tracker.__file__).parent.rglob("*.py"))


class Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(line_of(record, "w0"))


@pytest.fixture(params=[False, True], ids=["plain", "debug"])
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    """What comes of records, logged as the tracker's processes log."""
    loggers = [logging.getLogger(name) for name in ("", "asyncio", "uvicorn.error")]
    root, levels = loggers[0], [logger.level for logger in loggers]
    before, handler = list(root.handlers), Told()
    root.addHandler(handler)
    set_up_logs(debug=request.param)
    yield handler
    root.handlers[:] = before
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()


def test_a_warning_has_its_words_its_level_and_what_it_is_about(told: Told) -> None:
    log = structlog.get_logger("courier")
    log.info("nothing to say")
    log.warning("store is away", store="duckdb", batch=7, seconds=1.5, error=f"near '{SECRET}'")
    log.error("cannot seal", batch=7, error=os.strerror(errno.ENOSPC))

    warning, error = told.lines
    assert ("w0", os.getpid(), "courier", 4, "store is away") == (
        warning.process, warning.pid, warning.logger, warning.level, warning.msg)
    assert {"store": "duckdb", "batch": 7, "seconds": 1.5} == warning.about
    assert (3, {"batch": 7, "error": "No space left on device"}) == (error.level, error.about)
    assert warning == decode_line(encode_line(warning))


def test_of_an_exception_its_type_and_place_are_told_and_never_its_text(told: Told) -> None:
    log = structlog.get_logger("tracker.door")
    try:
        int(SECRET)
    except ValueError as error:
        log.error("request_failed", exc_info=error)  # noqa: TRY400 - as the door does it
        log.exception("a call failed")

    for line in told.lines:
        assert "ValueError" == line.about["error"]
        assert line.at[-1].startswith("test_line.py:")
        assert SECRET not in encode_line(line).decode()


def test_plain_records_of_ours_tell_numbers_files_and_the_systems_words(told: Told) -> None:
    log = logging.getLogger("tracker.spool.reader")
    log.error("spool %s, generation %d: %s", Path("/data/spool/w0"), 3,
              OSError(errno.EIO, os.strerror(errno.EIO), SECRET))
    log.error("%s: %s, %s", SECRET, ValueError(SECRET), "Input/output error")

    assert ["spool w0, generation 3: Input/output error", "…: ValueError, Input/output error"] \
        == [line.msg for line in told.lines]


def test_words_that_do_not_fit_their_values_are_told_as_they_are() -> None:
    assert "%d" == line_of(record("%d", args=(SECRET,)), "w0").msg
    assert "%s %s" == line_of(record("%s %s", args=(1,)), "w0").msg


@pytest.mark.parametrize("name", ["asyncio", "uvicorn.error", "tracker.door.websocket"])
def test_the_words_of_a_library_stay_in_the_log(told: Told, name: str) -> None:
    logging.getLogger(name).error("future: <%s>", SECRET, exc_info=ValueError(SECRET))

    (line,) = told.lines
    assert (name, LOST_WORDS) == (line.logger, line.msg)
    assert SECRET not in encode_line(line).decode()


def test_what_is_said_of_one_thing_is_another_than_what_is_said_of_the_next(told: Told) -> None:
    log = structlog.get_logger("supervisor")
    for process, code in (("w0", 1), ("w0", 2), ("store", 1)):
        log.error("process died, starting it again", process=process, code=code)

    first, again, other = told.lines
    assert first.key == again.key != other.key


def test_the_words_of_our_warnings_are_constants() -> None:
    """Else a client's text could stand in them."""
    calls = [(path.name, call) for path in SOURCES for call in ast.walk(ast.parse(path.read_text()))
             if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
             and isinstance(call.func.value, ast.Name)
             and call.func.value.id.lower() in ("log", "_log")
             and call.func.attr in ("warning", "error", "exception", "critical")]

    assert [] == [f"{name}:{call.lineno}" for name, call in calls
                  if not (call.args and isinstance(call.args[0], ast.Constant))]
    assert len(calls) > 20


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    yield ends
    for end in ends:
        os.close(end)


def record(msg: object = "seen", **parts: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "tracker.x", "msg": msg, "levelno": logging.WARNING,
                                  **parts})


def test_who_tells_does_not_wait_for_who_reads_and_says_what_was_lost(pipe: tuple[int, int]
                                                                      ) -> None:
    source, target = pipe
    teller = Teller(target, "w0", logging.WARNING)
    for _ in range(2_000):
        teller.handle(record("x" * 200))
    lines = os.read(source, 1 << 20).splitlines()
    assert all(decode_line(line).lost == 0 for line in lines)
    teller.handle(record())
    (after,) = os.read(source, 1 << 20).splitlines()

    assert 2_000 == len(lines) + decode_line(after).lost
    assert len(lines) > 100


def test_a_line_goes_through_in_one_piece_however_long_it_is(pipe: tuple[int, int]) -> None:
    source, target = pipe
    teller = Teller(target, "w0", logging.WARNING)
    teller.handle(record({"event": "\x01" * 10_000, **{f"n{n}": n for n in range(100)},
                          "store": "\x01" * 10_000}))
    data = os.read(source, 1 << 20)

    assert len(data) <= WHOLE_BYTES
    assert decode_line(data).msg.startswith("\x01")


def test_a_record_that_cannot_be_told_hurts_nobody(pipe: tuple[int, int]) -> None:
    teller = Teller(pipe[1], "w0", logging.WARNING)
    teller.handle(record({"event": "a", "exc_info": object()}, created="never"))
    os.close(os.dup(pipe[0]))
    teller.handle(record())

    assert 1 == decode_line(os.read(pipe[0], 1 << 20)).lost


CONFINED = """
import logging, sys
from pathlib import Path
from tracker.confinement import confine
from tracker.ownlogs.teller import tell

assert confine([], [Path(sys.argv[2])])
tell(int(sys.argv[1]), "query", logging.WARNING)
logging.getLogger("tracker.asking").error("it hangs")
"""


@pytest.mark.skipif(not version(), reason="this kernel has no Landlock")
def test_a_process_that_may_write_no_file_can_tell(pipe: tuple[int, int], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CONFINED, str(pipe[1]), tmp_path], pass_fds=[pipe[1]],
                   check=True, timeout=30)
    line = decode_line(os.read(pipe[0], 1 << 20))

    assert ("query", "it hangs") == (line.process, line.msg)
