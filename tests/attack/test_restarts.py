"""Ends and starts of every kind: nothing acknowledged is lost, and what is wrong is said."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.attack import check_sums, event, landed, worker_of
from harness.load import Client as LoadClient
from harness.process import TrackerProcess, eventually, running

pytestmark = pytest.mark.server


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def ended(tracker: TrackerProcess, seconds: float = 30.0) -> tuple[int, str]:
    """Start what is to fail; its exit status, and what it said."""
    tracker.start(wait=False)
    assert tracker.child is not None
    pids = tracker.processes()
    status = tracker.child.wait(seconds)
    tracker.child = None
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids), "something is left running"
    return status, tracker.log()


def gone(pids: list[int], seconds: float = 15.0) -> None:
    eventually(lambda: not any(is_running(pid) for pid in pids), seconds, "all have ended")


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_stop_under_load_loses_nothing(tmp_path: Path) -> None:
    tracker = TrackerProcess(tmp_path, Workers=2)
    tracker.start()
    clients = [LoadClient(tracker.port, seed) for seed in range(3)]
    try:
        for client in clients:
            client.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            time.sleep(0.5)
            assert tracker.child is not None
            tracker.child.send_signal(number)
            assert 0 == tracker.child.wait(30)
            tracker.start()
        sent = [client.finish() for client in clients]
        tracker.flush()
        rows = landed(tracker)
        acknowledged = set().union(*(one.acknowledged for one in sent))
        unknown = set().union(*(one.unknown for one in sent))
        assert (set(), set()) == (acknowledged - rows.keys(), rows.keys() - acknowledged - unknown)
        assert {1} == set(rows.values())
    finally:
        for client in clients:
            client.end()
        tracker.kill()


def test_a_worker_killed_under_load_comes_back_and_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path, Workers=1) as tracker:
        client = LoadClient(tracker.port, 7)
        client.start()
        try:
            for _ in range(3):
                time.sleep(0.5)
                os.kill(worker_of(tracker), signal.SIGKILL)
                time.sleep(0.3)
                eventually(lambda: len(tracker.processes()) == 4, 10, "it was started again")
            sent = client.finish()
        finally:
            client.end()
        tracker.flush()
        rows = landed(tracker)
        assert set() == sent.acknowledged - rows.keys()
        assert {1} == set(rows.values())
        check_sums(tracker, len(rows))


def test_children_end_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    with running(tmp_path, Workers=2) as tracker:
        assert 200 == tracker.post(event("before"))
        supervisor, *children = tracker.processes()
        os.kill(supervisor, signal.SIGKILL)
        assert tracker.child is not None
        tracker.child.wait()
        gone(children)
        tracker.start()
        assert 200 == tracker.post(event("after"))
        tracker.flush()
        assert {"before": 1, "after": 1} == landed(tracker)


GARBAGE = b"garbage\0\xff\n"
LEFT: dict[str, dict[str, bytes]] = {
    "strange files, no spools and a batch never sealed": dict.fromkeys((
        "garbage", "spool/garbage", "spool/w0/garbage", "spool/w0/99.segment",
        "spool/w0/0000000000000099.segment.new", "spool/empty/x", "spool/odd/id",
        "batches/x.arrow", "batches/x.json", "batches/1 copy.json", "batches/x.eids",
        "batches/000000000099.new", "batches/000000000099.arrow",
        "batches/000000000099-000000000099.eids", "cursors/chdb.json.new", "cursors/other.json",
        "dead/x.jsonl", "dead/x.refused", "dead/000000000099.jsonl", "run/w0.json",
        "run/store.json", "run/x.json"), GARBAGE),
    "a mark and a segment of garbage": {
        "spool/w0/mark": b"\xff" * 4096, "spool/w0/0000000000000098.segment": b"\xff" * 70_000,
        "spool/w0/0000000000000099.segment": b""},
    "an id and a mark cut off": {"spool/w0/mark": b"", "spool/w0/id": b""},
}


@pytest.mark.parametrize("left", LEFT)
def test_a_start_bears_what_was_left_behind(tmp_path: Path, left: str) -> None:
    with running(tmp_path, Workers=1) as tracker:
        assert 200 == tracker.post(event("before"))
        tracker.flush()
        assert 200 == tracker.post([event(f"unsealed-{number}") for number in range(5)])
        tracker.kill()
        for name, content in LEFT[left].items():
            write(tracker.data / name, content)
        tracker.start()
        assert 200 == tracker.post(event("after"))
        tracker.flush()
        assert {"before": 1, "after": 1, **{f"unsealed-{n}": 1 for n in range(5)}} \
            == landed(tracker)
        assert "Traceback" not in tracker.log()
        assert "process died" not in tracker.log()
        if "no spools" in left:
            assert "a directory among the spools is none" in tracker.log()


def test_records_in_a_segment_that_was_cut_off_are_read_up_to_the_cut(tmp_path: Path) -> None:
    with running(tmp_path, Workers=1) as tracker:
        assert 200 == tracker.post(event("sealed"))
        tracker.flush()
        for pid in tracker.processes():  # the store process first would seal the rest
            os.kill(pid, signal.SIGSTOP)
        os.kill(worker_of(tracker), signal.SIGCONT)
        for number in range(50):
            assert 200 == tracker.post(event(f"cut-{number}", fill="x" * 2_000))
        tracker.kill()
        segment = max((tracker.data / "spool" / "w0").glob("*.segment"),
                      key=lambda path: len(path.read_bytes().rstrip(b"\0")))
        os.truncate(segment, len(segment.read_bytes().rstrip(b"\0")) - 60_000)
        tracker.start()
        assert 200 == tracker.post(event("after"))
        tracker.flush()
        rows = landed(tracker)
        assert {1} == set(rows.values())
        kept = [int(mark.partition("-")[2]) for mark in rows if mark.startswith("cut-")]
        assert list(range(len(kept))) == sorted(kept)
        assert 15 < len(kept) < 40
        assert {"sealed", "after"} < rows.keys()


@pytest.mark.parametrize("name", ["cursors/chdb.json", "batches/folded"])
def test_a_damaged_file_of_its_own_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    with running(tmp_path, Workers=1) as tracker:
        assert 200 == tracker.post(event("before"))
        tracker.flush()
        tracker.stop()
        path = tracker.data / name
        good = path.read_bytes() if path.exists() else None
        write(path, GARBAGE)
        tracker.start(wait=False)
        eventually(lambda: f"{path} is damaged" in tracker.log(), 20, "it says which file")
        assert 200 == tracker.post(event("meanwhile"))
        if good is None:
            path.unlink()
        else:
            path.write_bytes(good)
        tracker.wait_until_ready()
        tracker.flush()
        assert {"before": 1, "meanwhile": 1} == landed(tracker)
        assert "Traceback" not in tracker.log()


def test_damaged_ids_are_set_aside_and_said(tmp_path: Path) -> None:
    with running(tmp_path, Workers=1) as tracker:
        assert 200 == tracker.post(event("a") | {"eid": "00000000-0000-4000-8000-000000000001"})
        tracker.flush()
        tracker.stop()
        ids = next((tracker.data / "batches").glob("*.eids"))
        ids.write_bytes(ids.read_bytes()[:-3])
        tracker.start()
        assert "ids are damaged" in tracker.log()
        assert ids.with_suffix(".damaged").exists()


def test_a_second_tracker_on_the_same_data_waits_and_then_takes_over(tmp_path: Path) -> None:
    with running(tmp_path, Workers=1) as first:
        assert 200 == first.post(event("first"))
        second = TrackerProcess(tmp_path, Workers=1)
        second.start(wait=False)
        try:
            eventually(lambda: "waiting for another tracker" in second.log(), 10, "it says so")
            assert 200 == first.post(event("still"))
            first.stop()
            second.wait_until_ready()
            assert 200 == second.post(event("second"))
            second.flush()
            assert {"first": 1, "still": 1, "second": 1} == landed(second)
        finally:
            second.kill()


def test_a_second_tracker_that_waits_in_vain_says_so(tmp_path: Path) -> None:
    program = ("import tracker.supervisor as s, sys; s._LOCK_SECONDS = 1.0;"
               " from tracker.cli import run; sys.exit(run(sys.argv[1:]))")
    with running(tmp_path, Workers=1, StopSeconds=1):
        found = subprocess.run([sys.executable, "-c", program, tmp_path / "config.json"],
                               capture_output=True, text=True, timeout=30, check=False)
        assert 1 == found.returncode
        assert "another tracker uses" in found.stderr
        assert "Traceback" not in found.stderr


@pytest.mark.parametrize("key", ["ProxyExceptHTTP", "QueryPort"])
def test_a_port_in_use_is_named_and_nothing_is_left_running(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, log = ended(TrackerProcess(tmp_path, **{key: address}))
    assert 1 == status
    assert f"cannot listen on {address}" in log
    assert "Traceback" not in log


def test_a_port_of_another_tracker_is_not_shared(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "one", Workers=1) as first:
        second = TrackerProcess(tmp_path / "two", Workers=1,
                                ProxyExceptHTTP=first.config["ProxyExceptHTTP"])
        status, log = ended(second)
        assert 1 == status
        assert "cannot listen on" in log
        assert 200 == first.post({})


@pytest.mark.parametrize(("config", "says"), [
    ({"DataDirectry": "x"}, 'DataDirectory'),
    ({"Spool": {"Byts": 1}}, "Bytes"),
    ({"Spool": {"Bytes": 10 << 20}}, "Spool: Bytes"),
    ({"Notify": [{"Service": "clickhouse"}]}, "chdb"),
    ({"Notify": [{"Service": "duckbd"}]}, "duckdb"),
    ({"ProxyExceptHTTP": "here"}, "ProxyExceptHTTP"),
    ({"ProxyExceptHTTP": "127.0.0.1:99999"}, "ProxyExceptHTTP"),
    ({"TrustedProxies": ["everyone"]}, "TrustedProxies"),
    ({"Workers": -1}, "Workers"),
    ({"Workers": "two"}, "Workers"),
    ({"QueryPort": "0.0.0.0:9999"}, "QueryPassword"),
    ({"UrlFilter": "("}, "UrlFilter"),
    ({"DataDirectory": "/proc/nothing"}, "DataDirectory"),
    ({"DataDirectory": "${NOT_SET_ANYWHERE}"}, "NOT_SET_ANYWHERE"),
], ids=lambda value: json.dumps(value)[:40])
def test_a_wrong_config_is_refused_with_the_key_and_a_way_out(tmp_path: Path,
                                                              config: dict[str, Any],
                                                              says: str) -> None:
    status, log = ended(TrackerProcess(tmp_path, **{"Spool": {}, **config}))
    assert 1 == status
    assert says in log
    assert "Traceback" not in log
