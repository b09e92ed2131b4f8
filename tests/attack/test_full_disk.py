"""The spool's disk full or its budget spent: 503 and nothing lost; it recovers by itself."""

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest

from harness.attack import (
    Load,
    away,
    duck_marks,
    fill,
    lag_free,
    landed,
    post,
    small_disk,
)
from harness.process import TrackerProcess, eventually, running
from harness.worker import Client

pytestmark = pytest.mark.server

BOTH = [{"Service": "chdb"}, {"Service": "duckdb"}]
SMALL = {"SegmentBytes": 1 << 20, "Bytes": 64 << 20}


def press(tracker: TrackerProcess, load: Load, seconds: float = 40.0, size: int = 50) -> None:
    """Send until the first 503, which says when to come again."""
    until = time.monotonic() + seconds
    while load.try_one(size) == 200:
        assert time.monotonic() < until, "it never says no"
    with Client(tracker.port) as client:
        answer = client.ask(post("{}"))
        if answer.status == 503:
            assert "1" == answer.headers["retry-after"]
            assert "unavailable" == answer.code
            assert {"code", "message", "field"} == set(answer.json()["error"])


def recovers(load: Load, seconds: float = 30.0) -> None:
    eventually(lambda: load.try_one() == 200, seconds, "it takes events again")
    load.send(3)


def test_a_full_spool_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data" / "spool", 24), \
            running(tmp_path, Workers=1, Spool=SMALL) as tracker:
        load = Load(tracker, weight=20_000)
        load.send(2)
        ballast = fill(tracker.data / "spool")
        press(tracker, load)
        eventually(lambda: tracker.health()["status"] == "failing", 5, "it says so")
        assert tracker.request("GET", "/health")[0] == 503
        assert tracker.health()["stores"]["chdb"]["reachable"]
        ballast.unlink()
        recovers(load)
        load.check(duck=False)


def test_a_full_data_directory_refuses_and_recovers(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 160), \
            running(tmp_path, Workers=1, Notify=BOTH, Spool=SMALL) as tracker:
        load = Load(tracker, weight=5_000)
        load.send(2)
        lag_free(tracker, "duckdb")
        ballast = fill(tracker.data)
        press(tracker, load)
        time.sleep(3)
        assert len(tracker.processes()) == 4
        ballast.unlink()
        recovers(load)
        load.check()
        eventually(lambda: tracker.health()["status"] == "ok", 20, "all is well")


def test_a_start_on_a_full_disk_waits_for_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 160):
        tracker = TrackerProcess(tmp_path, Workers=1, Spool=SMALL)
        try:
            tracker.start()
            load = Load(tracker)
            load.send(3)
            tracker.kill()
            ballast = fill(tracker.data)
            tracker.start(wait=False)
            time.sleep(4)
            with contextlib.suppress(OSError):
                assert load.try_one() in {200, 503}  # it may find space of its own to free
            ballast.unlink()
            tracker.wait_until_ready()
            recovers(load)
            load.check(duck=False)
        finally:
            tracker.kill()


def test_load_on_a_disk_that_fills_and_empties_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 160), \
            running(tmp_path, Workers=1, Spool=SMALL) as tracker:
        load, stop = Load(tracker, weight=1_000), threading.Event()

        def send() -> None:
            while not stop.is_set():
                load.try_one()
                time.sleep(0.01)

        sending = threading.Thread(target=send)
        sending.start()
        for _ in range(3):
            time.sleep(0.7)
            ballast = fill(tracker.data)
            time.sleep(1.5)
            ballast.unlink()
        stop.set()
        sending.join()
        recovers(load)
        load.check(duck=False)


def test_with_the_budget_spent_a_critical_store_that_is_away_closes_the_door(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "data" / "chdb", 64), \
            running(tmp_path, Workers=1, Notify=BOTH,
                    Spool={"SegmentBytes": 1 << 20, "Bytes": 12 << 20}) as tracker:
        load = Load(tracker, weight=3_000)
        load.send(2)
        ballast = fill(tracker.data / "chdb")
        press(tracker, load)
        assert "budget" in tracker.health()["spool"]["last_error"]
        ballast.unlink()
        recovers(load, 60)
        load.check()


def test_with_the_budget_nearly_spent_another_store_is_suspended_with_its_gap_recorded(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "data" / "duckdb", 64), \
            running(tmp_path, Workers=1, Notify=BOTH,
                    Spool={"SegmentBytes": 1 << 20, "Bytes": 12 << 20}) as tracker:
        load = Load(tracker, weight=3_000)
        ballast = fill(tracker.data / "duckdb")
        until = time.monotonic() + 60
        while "store suspended" not in tracker.log():
            assert time.monotonic() < until
            load.try_one(30)
            time.sleep(0.05)
        away(tracker, "duckdb")
        eventually(lambda: bool(tracker.health()["stores"]["duckdb"]["suspended"]), 30,
                   "/health says that the store is suspended")
        recovers(load)
        load.check(duck=False)
        ballast.unlink()
        lag_free(tracker, "duckdb")
        cursor = json.loads((tracker.data / "cursors" / "duckdb.json").read_text())
        assert not cursor["suspended"]
        assert cursor["gaps"]
        newest = max(tracker.sql("SELECT batch FROM sfpla.accounting"),
                     key=lambda row: int(row["batch"]))
        assert cursor["landed"] == int(newest["batch"])
        missed = sum(int(row["landed"])
                     for row in tracker.sql("SELECT batch, landed FROM sfpla.accounting")
                     if any(gap["first"] <= int(row["batch"]) <= gap["last"]
                            for gap in cursor["gaps"]))
        assert len(landed(tracker, "load-%")) - missed == len(duck_marks(tracker))
        eventually(lambda: not tracker.health()["stores"]["duckdb"]["suspended"], 30,
                   "/health says that the store is back")
        gaps = [[gap["first"], gap["last"]] for gap in cursor["gaps"]]
        assert gaps == tracker.health()["stores"]["duckdb"]["gaps"]
        assert missed == tracker.metric('tracker_events_missed{store="duckdb"}')
