"""A store that is away, full, locked or killed delays only itself, and all comes once."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.attack import (
    Load,
    away,
    check_sums,
    event,
    fill,
    held,
    lag_free,
    landed,
    small_disk,
    store_of,
)
from harness.process import TrackerProcess, eventually, running

pytestmark = pytest.mark.server

BOTH: list[dict[str, Any]] = [{"Service": "chdb"}, {"Service": "duckdb"}]


def metric(tracker: TrackerProcess, name: str) -> float:
    text = tracker.request("GET", "/metrics")[2].decode()
    return float(next(line for line in text.splitlines() if line.startswith(name)).split()[-1])


def test_a_duckdb_file_held_by_another_process_delays_only_itself(tmp_path: Path) -> None:
    with running(tmp_path, Notify=BOTH, Workers=1) as tracker:
        load = Load(tracker)
        load.send(3)
        lag_free(tracker, "duckdb")
        assert 0 == tracker.stop()
        with held("duckdb", tracker.data):
            tracker.start(wait=False)
            eventually(lambda: answers(tracker), 20, "the edge answers")
            load.send(5)
            away(tracker, "duckdb", "another process has the file open")
            lag_free(tracker, "chdb")
            eventually(lambda: tracker.health()["stores"]["duckdb"]["lag_events"] == 100, 5, "lag")
            assert 100 == metric(tracker, 'tracker_store_lag_events{store="duckdb"}')
            assert tracker.health()["stores"]["duckdb"]["lag_seconds"] > 0
        load.check()
        assert "ok" == tracker.health()["status"]


def answers(tracker: TrackerProcess) -> bool:
    with contextlib.suppress(OSError):
        return tracker.request("GET", "/ping")[0] == 200
    return False


@pytest.mark.parametrize("store", ["duckdb", "chdb"])
def test_a_store_on_a_full_disk_delays_only_itself(tmp_path: Path, store: str) -> None:
    with small_disk(tmp_path / "data" / store, 64), \
            running(tmp_path, Notify=BOTH, Workers=1) as tracker:
        load = Load(tracker, weight=2_000)
        load.send(2)
        lag_free(tracker, "chdb")
        lag_free(tracker, "duckdb")
        ballast = fill(tracker.data / store)
        until = time.monotonic() + 30
        while tracker.health()["stores"][store]["reachable"] and time.monotonic() < until:
            load.send(2, 200)
            time.sleep(0.3)
        away(tracker, store)
        load.send(5)
        other = "chdb" if store == "duckdb" else "duckdb"
        lag_free(tracker, other)
        assert tracker.health()["stores"][store]["lag_events"] > 0
        ballast.unlink()
        load.check()


@pytest.mark.parametrize("store", ["duckdb", "chdb"])
def test_a_store_on_a_disk_that_cannot_be_written_delays_only_itself(tmp_path: Path,
                                                                    store: str) -> None:
    with small_disk(tmp_path / "data" / store, 64) as disk:
        remount(disk, "ro")
        with running_anyway(tmp_path) as tracker:
            load = Load(tracker)
            load.send(3)
            away(tracker, store)
            lag_free(tracker, "chdb" if store == "duckdb" else "duckdb")
            remount(disk, "rw")
            load.check()


@contextlib.contextmanager
def running_anyway(folder: Path) -> Iterator[TrackerProcess]:
    """A tracker that starts with a store away."""
    tracker = TrackerProcess(folder, Notify=BOTH, Workers=1)
    try:
        tracker.start(wait=False)
        eventually(lambda: answers(tracker), 30, "the edge answers")
        yield tracker
    finally:
        tracker.kill()


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def test_a_store_process_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path, Notify=BOTH, Workers=1) as tracker:
        load = Load(tracker)
        for _ in range(3):
            load.send(10)
            os.kill(store_of(tracker), signal.SIGKILL)
            load.send(10)
            eventually(lambda: len(tracker.processes()) == 4, 10, "it was started again")
            time.sleep(0.7)
        load.check()


def test_a_store_process_that_hangs_is_told_of_and_recovers(tmp_path: Path) -> None:
    with running(tmp_path, Notify=BOTH, Workers=2) as tracker:
        load = Load(tracker)
        load.send(2)
        hung = store_of(tracker)
        os.kill(hung, signal.SIGSTOP)
        try:
            load.send(10)
            for _ in range(8):  # whichever worker answers
                eventually(lambda: not tracker.health()["stores"]["chdb"]["reachable"], 15,
                           "it is told of")
            health = tracker.health()
            assert "degraded" == health["status"]
            assert all("no sign of life" in state["last_error"] and state["lag_seconds"] > 3
                       for state in health["stores"].values())
            load.send(10)
        finally:
            os.kill(hung, signal.SIGCONT)
        load.check()
        eventually(lambda: tracker.health()["status"] == "ok", 10, "all is well")


def test_a_kill_amid_a_large_insert_into_many_partitions_lands_it_once(tmp_path: Path) -> None:
    month = 31 * 86_400_000
    with running(tmp_path, CreatedPastSeconds=0, Workers=1) as tracker:
        marks = []
        for batch in range(3):
            events = [event(f"load-{batch}-{number}")
                      | {"created": 1_500_000_000_000 + number % 60 * month,
                         "url": f"https://example.com/{number}"} for number in range(3_000)]
            marks += [one["params"]["k"] for one in events]
            assert 200 == tracker.post(events)
        for pause in (0.1, 0.4, 0.8):
            eventually(lambda: (tracker.data / "chdb").exists()
                       and len(tracker.processes()) == 4, 15, "it runs")
            time.sleep(0.6 + pause)
            os.kill(store_of(tracker), signal.SIGKILL)
            time.sleep(0.3)
        lag_free(tracker, "chdb", 90)
        tracker.flush()
        assert dict.fromkeys(marks, 1) == landed(tracker, "load-%")
        check_sums(tracker, len(marks))
