"""What the tracker tells about itself, with and without its other processes."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.process import TrackerProcess, eventually
from harness.worker import POST, Response, Worker, settings_for, working
from tracker.edge import START_SECONDS
from tracker.metrics import (
    Accounting,
    EdgeCounts,
    EdgeSnapshot,
    LandingCounts,
    QueryCounts,
    QuerySnapshot,
    SnapshotFile,
    Stamp,
    StoreCounts,
    StoreSnapshot,
    StoreState,
)
from tracker.places import Places
from tracker.settings import IntakeSettings


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    public = tmp_path / "public"
    (public / "deep").mkdir(parents=True)
    (public / "a.txt").write_text("a file")
    (public / ".env").write_text("secret")
    (public / "deep" / "index.html").write_text("an index")
    (public / "bare").mkdir()
    (tmp_path / "outside.txt").write_text("not for you")
    with working(settings_for(tmp_path / "data",
                              intake=IntakeSettings(static_directory=public))) as worker:
        yield worker


def get(worker: Worker, path: str, method: str = "GET", headers: str = "") -> Response:
    with worker.connect() as client:
        return client.ask(f"{method} {path} HTTP/1.1\r\nHost: tracker.test\r\n{headers}"
                          "Connection: close\r\n\r\n".encode(), method)


def store_snapshot(written: float, **states: StoreState) -> StoreSnapshot:
    return StoreSnapshot(
        Stamp("store", os.getppid(), 1, "0", written, written),
        LandingCounts(stores={name: StoreCounts(batches=2, events=20) for name in states}),
        Accounting(accepted=23, landed=dict.fromkeys(states, 20), filtered={"bot": 1},
                   quarantined={"not_json": 1}, duplicate=1),
        states)


def tell(worker: Worker, snapshot: StoreSnapshot) -> None:
    places = Places(worker.settings.data_directory)
    SnapshotFile(places.run, "store", "0").write(snapshot)
    query = SnapshotFile(places.query, "query", "0")
    query.write(QuerySnapshot(query.stamp(), QueryCounts()))


def samples(worker: Worker) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = get(worker, "/metrics").body.decode()
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def test_ping_says_pong(worker: Worker) -> None:
    response = get(worker, "/ping")

    assert (response.status, response.body) == (200, b"pong")
    assert response.headers["access-control-allow-origin"] == "*"


def test_status_names_client_connections_and_version(worker: Worker) -> None:
    response = get(worker, "/status")

    assert response.headers["content-type"] == "application/json"
    values = {pair["Key"]: pair["Value"] for pair in response.json()}
    assert values == {"client": "127.0.0.1", "conns": 1, "version": "0.1.0"}


def test_clear_asks_the_browser_to_forget(worker: Worker) -> None:
    response = get(worker, "/clear")

    assert (200, b"OK") == (response.status, response.body)
    assert response.headers["clear-site-data"] == '"*"'
    assert response.headers["set-cookie"].count("=; Max-Age=0; Path=/") > 0


@pytest.mark.parametrize(("site", "status"), [
    ("none", 200), ("same-origin", 200), ("same-site", 200), ("cross-site", 403),
])
def test_other_sites_cannot_make_a_browser_forget(worker: Worker, site: str, status: int) -> None:
    response = get(worker, "/clear", headers=f"Sec-Fetch-Site: {site}\r\n")

    assert status == response.status
    assert (status == 200) == ("clear-site-data" in response.headers)


def test_a_folder_is_led_to_at_whatever_host_was_asked_for(worker: Worker) -> None:
    with worker.connect() as client:
        response = client.ask(b"GET /tr/v1/pub/deep HTTP/1.1\r\nHost: evil.example\r\n\r\n", "GET")

    assert (307, "/tr/v1/pub/deep/") == (response.status, response.headers["location"])


@pytest.mark.parametrize("path", ["/tr/v1/pub/a.txt", "/tr/v1/pub/none", "/none", "/ping",
                                  "/health", "/metrics", "/tr/v1/rdr/?url=x"])
def test_no_answer_is_taken_for_something_else(worker: Worker, path: str) -> None:
    assert "nosniff" == get(worker, path).headers["x-content-type-options"]


@pytest.mark.parametrize(("path", "method", "status", "code"), [
    ("/nothing", "GET", 404, "not_found"),
    ("/", "GET", 404, "not_found"),
    ("/tr/v1/none/", "POST", 404, "not_found"),
    ("/tr/v2/tr/", "POST", 404, "not_found"),
    ("/ping", "DELETE", 405, "method_not_allowed"),
])
def test_what_is_not_there_has_the_error_shape(worker: Worker, path: str, method: str,
                                               status: int, code: str) -> None:
    response = get(worker, path, method)

    assert (response.status, response.code) == (status, code)
    assert set(response.json()["error"]) == {"code", "message", "field"}


@pytest.mark.parametrize(("path", "status", "body"), [
    ("a.txt", 200, b"a file"),
    ("deep/", 200, b"an index"),
    ("bare/", 404, None),
    ("", 404, None),
    (".env", 404, None),
    ("deep/../.env", 404, None),
    ("%2e%65nv", 404, None),
    ("../outside.txt", 404, None),
    ("..%2foutside.txt", 404, None),
    ("%2e%2e/outside.txt", 404, None),
    ("/etc/passwd", 404, None),
    ("%2fetc%2fpasswd", 404, None),
    ("a.txt%00", 404, None),
    ("x" * 5000, 404, None),
])
def test_only_files_below_the_directory_are_served(worker: Worker, path: str, status: int,
                                                   body: bytes | None) -> None:
    response = get(worker, "/tr/v1/pub/" + path)

    assert response.status == status
    if body is not None:
        assert response.body == body
    else:
        assert response.code == "not_found"
    assert len(worker.hits()) == 1


def test_files_know_ranges_and_dates(worker: Worker) -> None:
    whole = get(worker, "/tr/v1/pub/a.txt")
    part = get(worker, "/tr/v1/pub/a.txt", headers="Range: bytes=2-\r\n")
    same = get(worker, "/tr/v1/pub/a.txt", headers=f"If-None-Match: {whole.headers['etag']}\r\n")

    assert (part.status, part.body) == (206, b"file")
    assert same.status == 304


def test_without_a_directory_there_are_no_files(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker:
        assert get(worker, "/tr/v1/pub/a.txt").status == 404
        assert len(worker.hits()) == 1


def test_health_is_ok_when_all_is(worker: Worker) -> None:
    tell(worker, store_snapshot(time.time(), chdb=StoreState(True, 3, 0.5, None, 7)))
    response = get(worker, "/health")

    assert response.status == 200
    body = response.json()
    assert body["status"] == "ok"
    assert body["stores"] == {"chdb": {"reachable": True, "lag_events": 3, "lag_seconds": 0.5,
                                       "last_error": None, "suspended": False, "gaps": []}}
    assert body["queries"]["answering"] is True


SILENT = "the store process gives no sign of life: it starts, hangs, or cannot write"


@pytest.mark.parametrize(("age", "states", "error"), [
    (None, {}, SILENT),
    (60, {"chdb": StoreState(True)}, SILENT),
    (0, {"chdb": StoreState(False, last_error="disk full")}, "disk full"),
    (0, {}, None),
])
def test_health_is_degraded_while_a_store_is_away(
        worker: Worker, age: float | None, states: dict[str, StoreState],
        error: str | None) -> None:
    worker.edge.born -= START_SECONDS
    if age is not None:
        tell(worker, store_snapshot(time.time() - age, **states))
    response = get(worker, "/health")

    assert response.status == 200
    body = response.json()
    assert body["status"] == "degraded"
    assert body["stores"]["chdb"]["reachable"] is False
    assert body["stores"]["chdb"]["last_error"] == error


@pytest.mark.parametrize("states", [None, {}, {"chdb": StoreState(False)}])
def test_health_says_starting_while_the_others_come(
        tmp_path: Path, states: dict[str, StoreState] | None) -> None:
    settings = replace(settings_for(tmp_path), workers=2)
    with working(settings) as worker:
        if states is not None:
            tell(worker, store_snapshot(time.time(), **states))
        young = get(worker, "/health")
        worker.edge.born -= START_SECONDS
        old = get(worker, "/health").json()

    assert (200, "starting", True) == (
        young.status, young.json()["status"], young.json()["spool"]["accepting"])
    assert (False, None) == tuple(young.json()["stores"]["chdb"][name]
                                  for name in ("reachable", "last_error"))
    assert "degraded" == old["status"]


@pytest.mark.parametrize(("age", "state", "corrupt"), [
    (0, StoreState(False, last_error="disk full"), 0), (0, StoreState(False, suspended=True), 0),
    (60, StoreState(True), 0), (0, StoreState(False), 1),
])
def test_a_fault_is_told_also_while_it_starts(worker: Worker, age: float, state: StoreState,
                                              corrupt: int) -> None:
    snapshot = store_snapshot(time.time() - age, chdb=state)
    snapshot.counts.sequencer.corrupt = corrupt
    tell(worker, snapshot)

    assert "degraded" == get(worker, "/health").json()["status"]


def test_a_worker_that_was_started_again_does_not_say_starting(tmp_path: Path) -> None:
    for wanted in ("starting", "degraded"):
        with working(settings_for(tmp_path)) as worker:
            assert wanted == get(worker, "/health").json()["status"]


@pytest.mark.server
def test_a_start_is_no_fault(tmp_path: Path) -> None:
    tracker = TrackerProcess(tmp_path, Workers=2).start(wait=False)
    said: list[str] = []

    def is_ok() -> bool:
        with contextlib.suppress(OSError):
            said.append(tracker.health()["status"])
        return said[-1:] == ["ok"]

    try:
        eventually(is_ok, START_SECONDS, "it is ok")
    finally:
        tracker.kill()
    assert {"starting", "ok"} == set(said)


def test_health_is_degraded_while_the_registry_cannot_be_used(worker: Worker) -> None:
    snapshot = store_snapshot(time.time(), chdb=StoreState(True))
    snapshot.registry = "file is not a database"
    tell(worker, snapshot)
    body = get(worker, "/health").json()

    assert ("degraded", {"last_error": "file is not a database"}) == (
        body["status"], body["registry"])


def test_health_is_degraded_while_a_store_is_suspended(worker: Worker) -> None:
    tell(worker, store_snapshot(time.time(), chdb=StoreState(True, suspended=True, gaps=[(3, 5)])))
    body = get(worker, "/health").json()

    assert body["status"] == "degraded"
    assert body["stores"]["chdb"]["suspended"] is True
    assert body["stores"]["chdb"]["gaps"] == [[3, 5]]


def test_health_is_degraded_while_a_worker_is_missing(tmp_path: Path) -> None:
    settings = replace(settings_for(tmp_path / "data"), workers=2)
    with working(settings) as worker:
        worker.edge.born -= START_SECONDS
        tell(worker, store_snapshot(time.time(), chdb=StoreState(True)))
        body = get(worker, "/health").json()

    assert body["status"] == "degraded"
    assert (body["spool"]["workers"], body["spool"]["workers_missing"]) == (1, 1)


def test_health_is_failing_while_the_spool_refuses(worker: Worker) -> None:
    tell(worker, store_snapshot(time.time(), chdb=StoreState(True)))
    worker.call(worker.edge.spool.block, "the budget is spent")
    response = get(worker, "/health")
    worker.call(worker.edge.spool.block, None)

    assert response.status == 503
    assert response.json()["status"] == "failing"
    assert response.json()["spool"]["last_error"] == "the budget is spent"


def test_the_store_process_can_close_the_door(worker: Worker) -> None:
    snapshot = store_snapshot(time.time(), chdb=StoreState(False))
    snapshot.blocked = "a critical store is away for too long"
    tell(worker, snapshot)
    worker.run(worker.edge.look())
    with worker.connect() as client:
        assert client.ask(POST).status == 503
    snapshot.blocked = None
    tell(worker, snapshot)
    worker.run(worker.edge.look())
    with worker.connect() as client:
        assert client.ask(POST).status == 200


def test_a_spent_budget_closes_the_door(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker:
        batches = tmp_path / "batches"
        batches.mkdir()
        worker.edge.budget = 20 << 20
        (batches / "1.arrow").write_bytes(bytes(30 << 20))
        worker.run(worker.edge.look())
        with worker.connect() as client:
            refused = client.ask(POST)
        (batches / "1.arrow").unlink()
        worker.run(worker.edge.look())
        with worker.connect() as client:
            accepted = client.ask(POST)

    assert (refused.status, accepted.status) == (503, 200)


def test_metrics_speak_of_all_processes(worker: Worker) -> None:
    with worker.connect() as client:
        client.ask(POST)
    tell(worker, store_snapshot(time.time(), chdb=StoreState(True, 3, 0.5, None, 7)))
    other = EdgeSnapshot(Stamp("w1", os.getppid(), 2, "0", 1.0, time.time()), EdgeCounts(), 5)
    other.counts.door.hits = 10
    other.counts.door.requests = {"tr 200": 10}
    SnapshotFile(worker.settings.data_directory / "run", "w1", "0").write(other)
    found = samples(worker)

    def value(name: str, **labels: str) -> float | None:
        return found.get((name, tuple(sorted(labels.items()))))


    assert value("tracker_door_hits_total") == 11
    assert value("tracker_requests_total", route="tr", status="200") == 11
    assert value("tracker_door_connections") == 6
    assert value("tracker_spool_sync_seconds_count") == 1
    assert value("tracker_store_lag_events", store="chdb") == 3
    assert value("tracker_store_events_total", store="chdb") == 20
    assert value("tracker_store_insert_seconds_count", store="chdb") == 0
    assert value("tracker_events_accepted_total") == 23
    assert value("tracker_events_landed_total", store="chdb") == 20
    assert value("tracker_events_filtered_total", reason="bot") == 1
    assert value("tracker_events_quarantined_total", reason="not_json") == 1
    assert value("tracker_events_duplicate_total") == 1
    assert value("tracker_build_info", version="0.1.0") == 1
    for process in ("w0", "w1", "store"):
        assert value("tracker_process_up", process=process) == 1



def test_metrics_say_when_the_store_process_is_down(worker: Worker) -> None:
    found = samples(worker)

    assert found["tracker_process_up", (("process", "store"),)] == 0
    assert found["tracker_store_reachable", (("store", "chdb"),)] == 0


def test_counters_go_on_where_a_dead_worker_left_them(tmp_path: Path) -> None:
    for _ in range(2):
        with working(settings_for(tmp_path)) as worker:
            with worker.connect() as client:
                client.ask(POST)
            found = samples(worker)

    assert found["tracker_door_hits_total", ()] == 2
    assert found["tracker_spool_hits_total", ()] == 2
    assert found["tracker_spool_sync_seconds_count", ()] == 2


def test_snapshots_of_another_life_do_not_count(tmp_path: Path) -> None:
    old = EdgeSnapshot(Stamp("w0", 1, 2, "0", 1.0, time.time()), EdgeCounts())
    old.counts.door.hits = 99
    SnapshotFile(tmp_path / "run", "w0", "0").write(old)
    with working(settings_for(tmp_path)) as worker:
        assert samples(worker)["tracker_door_hits_total", ()] == 0


def test_scripts_of_a_listed_origin_may_read_pages_and_files(tmp_path: Path) -> None:
    intake = IntakeSettings(allow_origin="https://a.example, https://b.example")
    with working(settings_for(tmp_path, intake=intake)) as worker:
        for path in ("/ping", "/status", "/health", "/tr/v1/pub/no-such-file"):
            allowed = get(worker, path, headers="Origin: https://b.example\r\n")
            other = get(worker, path, headers="Origin: https://c.example\r\n")
            assert "https://b.example" == allowed.headers["access-control-allow-origin"], path
            assert "access-control-allow-origin" not in other.headers, path


def test_status_shows_a_client_behind_a_trusted_proxy(tmp_path: Path) -> None:
    trusting = IntakeSettings(trusted_proxies=(ip_network("127.0.0.0/8"),))
    for intake, seen in ((trusting, "192.0.2.7"), (IntakeSettings(), "127.0.0.1")):
        with working(settings_for(tmp_path, intake=intake)) as worker:
            status = get(worker, "/status", headers="X-Forwarded-For: 192.0.2.7\r\n").json()
        assert {"Key": "client", "Value": seen} == status[0]


def test_every_answer_says_when_it_was_made(worker: Worker) -> None:
    with worker.connect() as client:
        said = [client.ask(POST).headers["date"], get(worker, "/ping").headers["date"]]
    for date in said:
        assert abs(parsedate_to_datetime(date).timestamp() - time.time()) < 3
