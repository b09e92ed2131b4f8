"""What a tracker warns of itself stands in `logs`, once for what is said many times."""

import contextlib
import http.client
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from harness.attack import held, store_of, worker_of
from harness.process import TrackerProcess, eventually

pytestmark = pytest.mark.server

BOTH = [{"Service": "chdb"}, {"Service": "duckdb"}]
ROWS = ("SELECT toInt32(count()) AS n, any(level) AS level, any(topic) AS topic,"
        " any(params.process::String) AS process, any(params.about.process::String) AS about,"
        " any(params.about.store::String) AS store, any(params.pid::Int32) AS pid,"
        " any(ltime) > now() - 600 AS fresh, any(hostname) <> '' AS hostname, any(ip) AS ip, msg"
        " FROM logs WHERE name = 'tracker' GROUP BY msg, params.about.process::String ORDER BY msg")


def killed(tracker: TrackerProcess, pid: int) -> None:
    """Kill a child, and wait until another stands in its place."""
    before = tracker.processes()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: pid not in tracker.processes()
               and len(tracker.processes()) == len(before), 10, "it is started again")


def asked(tracker: TrackerProcess, query: str) -> list[dict[str, Any]]:
    """Rows when all has landed; the query process may start anew with the store process."""
    found: list[dict[str, Any]] = []

    def answered() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            tracker.flush()
            found[:] = tracker.sql(query)
            return True
        return False

    eventually(answered, 20, "queries are answered")
    return found


def test_what_goes_wrong_stands_in_sql_once_however_often(tmp_path: Path) -> None:
    (tmp_path / "data" / "duckdb").mkdir(parents=True)
    tracker = TrackerProcess(tmp_path, OwnLogs="warning", Workers=1, Notify=BOTH)
    try:
        with held("duckdb", tracker.data):
            tracker.start(wait=False)
            eventually(lambda: tracker.log().count("store is away") == 1, 30, "it is away")
            killed(tracker, store_of(tracker))
            eventually(lambda: tracker.log().count("store is away") == 2, 30,
                       "the next store process finds it away, too")
            for _ in range(2):
                killed(tracker, worker_of(tracker))
            eventually(lambda: tracker.health()["stores"]["chdb"]["reachable"], 20, "chdb is there")
            assert 200 == tracker.post({"ename": "seen"})
            time.sleep(1.0)  # the keeper looks twice a second, and finds nothing new
            found = [row for row in asked(tracker, ROWS) if row["about"] != "query"
                     and "Landlock" not in row["msg"]]

        assert [("process died, starting it again", "store"),
                ("process died, starting it again", "w0"), ("store is away", "")] == sorted(
            (row["msg"], row["about"]) for row in found)
        assert {1} == {row["n"] for row in found}
        by_kind = {row["msg"]: row for row in found}
        store, died = by_kind["store is away"], by_kind["process died, starting it again"]
        assert (4, "courier", "store", "duckdb", "") == tuple(
            store[name] for name in ("level", "topic", "process", "store", "ip"))
        assert (3, "supervisor", "supervisor") == tuple(
            died[name] for name in ("level", "topic", "process"))
        assert tracker.processes()[0] == died["pid"]
        assert all(row["fresh"] and row["hostname"] for row in found)
        assert [{"events": 1, "agrees": 1}] == asked(
            tracker, "SELECT toInt32(sum(landed)) AS events,"
            " sum(accepted) = sum(landed) + sum(others) AS agrees FROM accounting")
        assert 3 <= tracker.log().count("process died")
    finally:
        if tracker.child is not None:
            tracker.kill()
