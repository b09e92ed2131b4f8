"""Attempts to lose an event or to count one twice: by retries, restarts, merges and old cursors."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.attack import (
    Load,
    check_sums,
    event,
    lag_free,
    landed,
    new_eid,
    post,
    raw,
    store_of,
)
from harness.process import TrackerProcess, eventually, running
from harness.worker import Client

pytestmark = pytest.mark.server

BOTH = [{"Service": "chdb"}, {"Service": "duckdb"}]


def test_a_retry_by_any_route_lands_once(tracker: TrackerProcess) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"

    def body(mark: str, eid: str) -> str:
        return json.dumps({"eid": eid, "params": {"k": mark}})

    def pairs(mark: str, eid: str) -> str:
        return f"eid={eid}&params={quote(json.dumps({'k': mark}))}"

    ways: dict[str, Callable[[str, str], bytes]] = {
        "object": lambda mark, eid: post(body(mark, eid)),
        "array": lambda mark, eid: post(f"[{body(mark, eid)}]"),
        "lines": lambda mark, eid: post(f"{body(mark, eid)}\n{body(mark, eid)}\n"),
        "server": lambda mark, eid: post(body(mark, eid), target="/tr/v1/str/"),
        "put": lambda mark, eid: raw("PUT", "/tr/v1/tr/", body(mark, eid).encode()),
        "form": lambda mark, eid: raw("POST", "/tr/v1/tr/", pairs(mark, eid).encode(), form),
        "query": lambda mark, eid: raw("GET", f"/tr/v1/img/?{pairs(mark, eid)}"),
        "path": lambda mark, eid: post(json.dumps({"params": {"k": mark}}),
                                       target=f"/tr/v1/tr/eid/{eid}/"),
    }
    for name, way in ways.items():
        request = way(f"way-{name}", new_eid())
        for _ in range(2):
            for _ in range(2):
                with Client(tracker.port) as client:
                    assert 200 == client.ask(request).status, name
            tracker.flush()
    assert {f"way-{name}": 1 for name in ways} == landed(tracker, "way-%")


def test_one_event_retried_by_all_routes_lands_once(tracker: TrackerProcess) -> None:
    eid = new_eid()
    body = json.dumps({"eid": eid, "params": {"k": "everywhere"}})
    with Client(tracker.port) as client:
        for request in (post(body), post(f"[{body}]"), post(body, target="/tr/v1/str/"),
                        raw("GET", f"/tr/v1/img/?eid={eid}"), raw("GET", f"/tr/v1/tr/?eid={eid}")):
            assert 200 == client.ask(request).status
    tracker.flush()
    assert 1 == tracker.value("SELECT count() FROM sfpla.events WHERE eid = {eid:UUID}", eid=eid)


def test_ids_are_remembered_over_many_batches_merges_and_kills(tmp_path: Path) -> None:
    with running(tmp_path, Workers=2) as tracker:
        old = [event(f"old-{number}") | {"eid": new_eid()} for number in range(30)]
        sent = []
        for batch in range(18):
            sent.append(event(f"new-{batch}") | {"eid": new_eid()})
            assert 200 == tracker.post([sent[-1], old[batch % 30], *sent[:3]])
            tracker.flush()
            if batch == 9:
                os.kill(store_of(tracker), signal.SIGKILL)
                lag_free(tracker, "chdb")
        assert len(list((tracker.data / "batches").glob("*.eids"))) < 18
        for again in (*sent, *old):
            assert 200 == tracker.post(again)
        tracker.flush()
        assert dict.fromkeys([one["params"]["k"] for one in (*sent, *old)], 1) == landed(tracker)
        check_sums(tracker, len(sent) + len(old))


def test_spools_of_workers_no_longer_configured_land(tmp_path: Path) -> None:
    with running(tmp_path, Workers=3) as tracker:
        os.kill(store_of(tracker), signal.SIGSTOP)
        load = Load(tracker)
        load.send(30, 3)
        tracker.kill()
        tracker.config["Workers"] = 1
        tracker.start()
        load.send(3)
        load.check(duck=False)


def test_cursors_from_a_backup_land_nothing_twice(tmp_path: Path) -> None:
    with running(tmp_path, Notify=BOTH, Workers=1,
                 Spool={"SegmentBytes": 4 << 20, "KeepSeconds": 3600}) as tracker:
        load = Load(tracker)
        load.send(2)
        tracker.flush()
        lag_free(tracker, "duckdb")
        tracker.stop()
        shutil.copytree(tracker.data / "cursors", tmp_path / "backup")
        tracker.start()
        for _ in range(4):
            load.send(2)
            tracker.flush()
        lag_free(tracker, "duckdb")
        tracker.stop()
        shutil.copytree(tmp_path / "backup", tracker.data / "cursors", dirs_exist_ok=True)
        tracker.start()
        load.send(2)
        load.check()


def test_a_duckdb_file_taken_away_and_brought_back_misses_nothing(tmp_path: Path) -> None:
    with running(tmp_path, Notify=BOTH, Workers=1) as tracker:
        load = Load(tracker)
        load.send(2)
        lag_free(tracker, "duckdb")
        tracker.stop()
        (tracker.data / "duckdb").rename(tmp_path / "elsewhere")
        (tracker.data / "duckdb").write_text("not a directory")
        tracker.start(wait=False)
        eventually(lambda: _away(tracker), 30, "duckdb is away")
        load.send(5)
        (tracker.data / "duckdb").unlink()
        (tmp_path / "elsewhere").rename(tracker.data / "duckdb")
        load.check()


def _away(tracker: TrackerProcess) -> bool:
    try:
        stores = tracker.health()["stores"]
    except OSError:
        return False
    return bool(stores["chdb"]["reachable"]) and not stores["duckdb"]["reachable"]


def test_kills_amid_sealing_and_landing_count_nothing_twice(tmp_path: Path) -> None:
    with running(tmp_path, Notify=BOTH, Workers=1) as tracker:
        load = Load(tracker)
        for pause in (0.05, 0.15, 0.3):
            load.send(5, 100)
            time.sleep(0.3 + pause)  # sealing lingers for half a second
            os.kill(store_of(tracker), signal.SIGKILL)
            lag_free(tracker, "chdb")
        load.check()
