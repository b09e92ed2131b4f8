"""What is told becomes hits in a spool; a disk that takes nothing makes no line more."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.refining import rows
from tracker.errors import SpoolUnavailable
from tracker.hit import Hit, Route, decode_hit
from tracker.ownlogs.fold import FIRST_SECONDS, Folded
from tracker.ownlogs.keeper import SPOOL, Keeper
from tracker.ownlogs.line import Line, encode_line
from tracker.refine import Refinery
from tracker.settings import RefineSettings, SpoolSettings
from tracker.spool.reader import SpoolReader

LINE = Line("w0", 7, "courier", 4, "store is away", 1_764_072_000_123_456_789,
            {"store": "duckdb"}, ["courier.py:1 run"])


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    """One that is not started: the tests look for it."""
    made = Keeper(tmp_path, SpoolSettings(segment_bytes=1 << 20))
    yield made
    if made._spool is not None:
        made._spool.close()
    os.close(made.pipe)
    os.close(made._source)


def hits(data: Path, wanted: int) -> list[Hit]:
    """The hits that are in the spool, when there are so many."""
    reader = SpoolReader(data / "spool" / SPOOL)
    found: list[Hit] = []
    until = time.monotonic() + 10
    while len(found) < wanted and time.monotonic() < until:
        found += [decode_hit(record.data) for record in reader.read(100, 1 << 20)]
        time.sleep(0.01)
    reader.close()
    return found


def events(hit: Hit) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(hit.body)
    return found


def test_what_is_told_becomes_rows_of_logs_by_the_way_of_all_lines(keeper: Keeper, tmp_path: Path
                                                                   ) -> None:
    os.write(keeper.pipe, encode_line(LINE) + b"\n")
    keeper.look()
    (hit,) = hits(tmp_path, 1)
    (row,) = rows(Refinery(RefineSettings(private_key=b"k", created_past_seconds=0)).refine([hit]))
    (own,) = msgspec.json.decode(row["extra"])

    assert Route.LOG == hit.route
    assert ("log", "", "") == (row["kind"], row["ip"], row["iphash"])
    assert ("tracker", "courier", 4, "store is away", "2025-11-25 12:00:00.123456789") == tuple(
        own[name] for name in ("name", "topic", "level", "msg", "ltime"))
    assert {"process": "w0", "pid": 7, "about": {"store": "duckdb"}, "at": ["courier.py:1 run"]} \
        == {name: value for name, value in row["params"].items() if name != "version"}


def test_lines_that_say_the_same_are_one_row_and_a_count(keeper: Keeper, tmp_path: Path) -> None:
    for _ in range(50):
        os.write(keeper.pipe, encode_line(LINE) + b"\n")
    keeper.look()
    keeper.keep(keeper._fold.take(time.monotonic() + FIRST_SECONDS))

    assert [None, 49] == [events(hit)[0]["params"].get("times") for hit in hits(tmp_path, 2)]


@pytest.mark.parametrize("data", [
    b"nonsense\n", b"\n\n", b'{"process":1}\n', b"\xff\n", b'{"x":' + b"[" * 5_000 + b"\n",
    b"x" * 30_000])
def test_what_is_no_line_is_passed_over(keeper: Keeper, data: bytes) -> None:
    for _ in range(4):
        os.write(keeper.pipe, data)
        keeper.look()
    os.write(keeper.pipe, b"\n" + encode_line(LINE) + b"\n")
    keeper.look()

    assert 1 == len(keeper._fold._known)


def test_a_disk_that_takes_nothing_makes_no_line_and_is_told_of_later(
    keeper: Keeper, tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "spool").touch()  # no directory can be made here
    for number in range(3):
        os.write(keeper.pipe, encode_line(msgspec.structs.replace(LINE, msg=str(number))) + b"\n")
        keeper.look()
    assert 3 == keeper._fold.left_out
    (tmp_path / "spool").unlink()
    os.write(keeper.pipe, encode_line(LINE) + b"\n")
    keeper.look()

    (hit,) = hits(tmp_path, 1)
    assert [3] == [event["params"]["left_out"] for event in events(hit)]
    assert 0 == keeper._fold.left_out
    assert [] == caplog.records


def test_a_budget_that_is_spent_is_for_visitors(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "full").write_bytes(bytes(2 << 20))
    keeper = Keeper(tmp_path, SpoolSettings(segment_bytes=1 << 20, bytes=1 << 20))
    keeper.keep([Folded(LINE, 2)])

    assert (2, None) == (keeper._fold.left_out, keeper._spool)


def test_what_the_spool_could_not_write_is_told_of_later(keeper: Keeper, tmp_path: Path) -> None:
    keeper._delivered([2, 3], SpoolUnavailable("the disk is gone"))
    os.write(keeper.pipe, encode_line(LINE) + b"\n")
    keeper.look()

    assert [5] == [event["params"]["left_out"] for event in events(hits(tmp_path, 1)[0])]


def test_a_thread_keeps_what_this_process_warns_of_until_its_end(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, SpoolSettings(segment_bytes=1 << 20))
    root = logging.getLogger()
    before = list(root.handlers)
    keeper.start(logging.WARNING)
    try:
        logging.getLogger("tracker.supervisor").warning("one")
        logging.getLogger("tracker.supervisor").info("not this")
        logging.getLogger("tracker.spool.writer").warning("about the keeper's own spool")
        logging.getLogger("tracker.supervisor").warning("one")
    finally:
        keeper.stop()
        root.handlers[:] = before

    assert not any(thread.name == "own-logs" for thread in threading.enumerate())
    said = [(event["msg"], event["params"]["process"], event["params"].get("times"))
            for hit in hits(tmp_path, 2) for event in events(hit)]
    assert [("one", "supervisor", None), ("one", "supervisor", None)] == said
