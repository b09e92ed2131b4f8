"""Queries that hurt, beside events that land; `make bench-hostile` does it at length."""

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench.hostile import SETS
from bench.rig import procs
from harness.process import TrackerProcess, eventually, running

CLIENTS = 12
PATIENCE_SECONDS = 90.0
MOST_MB = 3_500


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    with running(tmp_path_factory.mktemp("queries"), Workers=1) as tracker:
        assert 200 == tracker.post([{"vid": f"v{i}", "url": f"https://a.test/{i % 7}"}
                                    for i in range(2000)])
        tracker.flush()
        yield tracker


def pid(tracker: TrackerProcess, name: str) -> int:
    """The process of this name, as it told last."""
    path = {"store": "store.json", "query": "query/query.json"}[name]
    return int(json.loads((tracker.data / "run" / path).read_text())["stamp"]["pid"])


@contextmanager
def crowd(tracker: TrackerProcess, asks: tuple[str, ...]) -> Iterator[None]:
    """Clients that ask all the time and mind nothing."""
    ending = threading.Event()

    def ask(place: int) -> None:
        while not ending.is_set():
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", tracker.query_port, timeout=5)
                try:
                    connection.request("POST", "/", asks[place % len(asks)].encode())
                    connection.getresponse().read(1 << 20)
                finally:
                    connection.close()
            place += 1
            ending.wait(0.05)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(30)


def test_the_query_process_is_the_first_to_go_where_memory_ends(tracker: TrackerProcess) -> None:
    query = pid(tracker, "query")

    assert "1000" == Path(f"/proc/{query}/oom_score_adj").read_text().strip()


@pytest.mark.parametrize("name", ["memory", "endless", "text", "huge"])
def test_events_land_beside_queries_that_hurt(tracker: TrackerProcess, name: str) -> None:
    store, accepted = pid(tracker, "store"), 'tracker_events_landed_total{store="chdb"}'
    with crowd(tracker, SETS[name]):
        for _ in range(3):
            landed = tracker.metric(accepted)
            assert 200 == tracker.post({"vid": name})
            eventually(lambda: tracker.metric(accepted) > landed, PATIENCE_SECONDS, "it lands")  # noqa: B023 - called before the next turn
            assert procs.memory(tracker.processes()) < MOST_MB << 20

    assert store == pid(tracker, "store")
    eventually(lambda: _answers(tracker), PATIENCE_SECONDS, "a small query is answered")


def test_events_land_while_the_query_process_is_killed(tracker: TrackerProcess) -> None:
    store, before = pid(tracker, "store"), pid(tracker, "query")

    os.kill(before, signal.SIGKILL)
    assert 200 == tracker.post({"vid": "killed"})
    tracker.flush()

    assert 1 == tracker.value("SELECT count() FROM events WHERE vid = 'killed'")
    assert before != pid(tracker, "query")
    assert store == pid(tracker, "store")
    eventually(lambda: tracker.health()["queries"]["answering"], PATIENCE_SECONDS, "it is told")


def test_health_tells_of_a_query_process_that_hangs(tracker: TrackerProcess) -> None:
    asked = pid(tracker, "query")
    os.kill(asked, signal.SIGSTOP)
    try:
        eventually(lambda: not tracker.health()["queries"]["answering"], PATIENCE_SECONDS, "told")
        assert "degraded" == tracker.health()["status"]
        assert 200 == tracker.post({"vid": "meanwhile"})
    finally:
        os.kill(asked, signal.SIGCONT)

    eventually(lambda: tracker.health()["status"] == "ok", PATIENCE_SECONDS, "all is well")


def test_queries_are_answered_while_the_store_process_is_away(tracker: TrackerProcess) -> None:
    store = pid(tracker, "store")
    os.kill(store, signal.SIGSTOP)
    try:
        assert 0 < tracker.value("SELECT count() FROM events")
    finally:
        os.kill(store, signal.SIGCONT)


def test_what_queries_write_stays_in_their_own_place(tracker: TrackerProcess) -> None:
    own = Path(f"/proc/{pid(tracker, 'query')}/fd")

    opened = [str(entry.readlink()) for entry in own.iterdir()]

    outside = [path for path in opened if path.startswith(str(tracker.data))
               and not path.startswith((f"{tracker.data}/run/query", f"{tracker.data}/chdb",
                                        f"{tracker.data}/lock"))]
    assert [] == outside


def _answers(tracker: TrackerProcess) -> bool:
    with suppress(AssertionError, OSError):
        return bool(tracker.value("SELECT sum(total) FROM dailies") is not None)
    return False
