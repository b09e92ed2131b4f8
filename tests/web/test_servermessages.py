"""What services send, end to end: with a key and without, into tables, through kills."""

import gzip
import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from harness.attack import store_of
from harness.process import TrackerProcess, account, running

pytestmark = pytest.mark.server


@dataclass
class Service:
    """A tracker, and a key of a service."""

    tracker: TrackerProcess
    key: str

    def send(self, route: str, message: Any, key: str | None = None, **headers: str
             ) -> tuple[int, Any]:
        """Status, and the answer where it has a body."""
        content = message if isinstance(message, bytes | str) else json.dumps(message)
        fields = {"Authorization": f"Bearer {self.key if key is None else key}",
                  **{name.replace("_", "-"): value for name, value in headers.items()}}
        status, _, body = self.tracker.request("POST", f"/tr/v1/{route}", content, fields)
        return status, json.loads(body) if body else None

    def counter(self, name: str) -> dict[str, int]:
        """Its sum for each day."""
        self.tracker.flush()
        return {row["date"]: int(row["n"]) for row in self.tracker.sql(
            "SELECT date, sum(total) AS n FROM sfpla.counters WHERE id = {id:String}"
            " GROUP BY date ORDER BY date", id=name)}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("servers"), Workers=2) as tracker:
        account(tracker, "add", "shop", "--no-password", "--scope", "collect-server",
                "--scope", "redirects")
        yield Service(tracker, account(tracker, "key", "shop", "--scope", "collect-server"))


def test_a_line_lands_to_the_nanosecond_with_all_that_was_said(service: Service) -> None:
    assert (200, None) == service.send("log", {
        "msg": "card declined", "level": "error", "ltime": "2026-03-01T12:00:00.123456789Z",
        "topic": "checkout", "name": "shop", "hostname": "web-1", "order": {"id": 7}})

    service.tracker.flush()
    (row,) = service.tracker.sql(
        "SELECT topic, name, hostname, level, toString(ltime) AS ltime, msg, ip,"
        " ldate = toDate(created_at) AS same, toInt64(params.order.id) AS n FROM sfpla.logs"
        " WHERE msg = 'card declined'")
    assert {"topic": "checkout", "name": "shop", "hostname": "web-1", "level": 3, "ip": "127.0.0.1",
            "ltime": "2026-03-01 12:00:00.123456789", "msg": "card declined", "same": 1, "n": 7
            } == {**row, "level": int(row["level"]), "n": int(row["n"]), "same": int(row["same"])}
    assert 0 == int(service.tracker.value("SELECT count() FROM sfpla.events"))


def test_counts_of_every_form_add_up_by_day_and_a_retry_counts_once(service: Service) -> None:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    eid = str(uuid.uuid4())
    for _ in range(2):
        assert (200, None) == service.send("count/", {"id": "sold", "by": 3, "eid": eid})
    assert (200, None) == service.send("count", [{"id": "sold"}, {"id": "sold", "by": 10}])
    assert (200, None) == service.send(
        "count", '{"id":"sold","day":"2026-02-28"}\n{"id":"sold","day":"2026-02-28","by":4}\n')

    assert {"2026-02-28": 5, today: 14} == service.counter("sold")


def test_of_updates_the_newest_stays(service: Service) -> None:
    for msg, updated in (("new", 1_772_000_000_002), ("old", 1_772_000_000_001)):
        assert (200, None) == service.send("update", {"id": "job", "msg": msg, "updated": updated})
        service.tracker.flush()

    assert ["new"] == [row["msg"] for row in service.tracker.sql(
        "SELECT msg FROM sfpla.updates_latest WHERE id = 'job'")]
    assert ["new"] == [row["msg"] for row in service.tracker.sql(
        "SELECT msg FROM sfpla.updates FINAL WHERE id = 'job'")]


def test_who_has_no_key_with_the_scope_leaves_nothing(service: Service) -> None:
    other = account(service.tracker, "key", "shop", "--scope", "redirects")
    body = {"id": "forged"}

    for key, status, code in ((other, 403, "forbidden"), ("tk_no", 401, "not_authenticated"),
                              ("", 401, "not_authenticated")):
        found, answer = service.send("count", body, key)
        assert (status, code) == (found, answer["error"]["code"])
    status, fields, _ = service.tracker.request("POST", "/tr/v1/count", json.dumps(body))
    assert (401, 'Bearer realm="tracker"') == (status, fields["www-authenticate"])
    assert {} == service.counter("forged")


def test_a_key_that_is_taken_away_ends_at_once(service: Service) -> None:
    key = account(service.tracker, "key", "shop", "--name", "short")
    assert 200 == service.send("count", {"id": "short"}, key)[0]
    listed = account(service.tracker, "list")
    key_id = next(line.split()[0] for line in listed.splitlines() if "short" in line)
    account(service.tracker, "revoke", key_id)

    assert 401 == service.send("count", {"id": "short"}, key)[0]


def test_what_is_wrong_is_named(service: Service) -> None:
    status, answer = service.send("log", {"msg": "a", "level": "loud"})
    assert (400, "bad_value", "level") == (
        status, answer["error"]["code"], answer["error"]["field"])
    status, answer = service.send("count", [{"id": "partly"}, {"id": 5}])
    assert (207, 1, "[1].id") == (status, answer["accepted"], answer["rejected"][0]["field"])
    assert 413 == service.send("log", gzip.compress(b"x" * (5 << 20)), Content_Encoding="gzip")[0]
    assert 415 == service.send("log", {"msg": "x"}, Content_Encoding="rot13")[0]
    assert 405 == service.tracker.request("GET", "/tr/v1/log")[0]
    assert [1] == [*service.counter("partly").values()]


def test_no_key_reaches_the_disk(service: Service) -> None:
    assert 200 == service.send("count", {"id": "secret"}, Cookie="vid=abc")[0]

    service.tracker.flush()
    key = service.key.encode()
    assert [] == [path for path in service.tracker.data.rglob("*")
                  if path.is_file() and key in path.read_bytes()]
    assert service.key not in service.tracker.log()


def test_every_count_that_was_acknowledged_is_summed_once_through_kills(service: Service) -> None:
    """The store process dies amid landing; whoever got no 200 sends again with the same id."""
    def send(number: int) -> int:
        message = {"id": f"kill-{number % 3}", "by": number, "eid": str(uuid.uuid4()),
                   "day": f"2026-0{number % 2 + 1}-01"}
        for _ in range(40):
            try:
                if service.send("count", message)[0] == 200:
                    return number
            except OSError:
                pass
            time.sleep(0.25)
        raise AssertionError("never acknowledged")

    with ThreadPoolExecutor(4) as pool:
        pending = [pool.submit(send, number) for number in range(1, 301)]
        for pause in (0.4, 0.3, 0.9):
            time.sleep(pause)
            os.kill(store_of(service.tracker), signal.SIGKILL)
            time.sleep(1)
        sent = [done.result() for done in pending]
    service.tracker.wait_until_ready()

    wanted = {f"kill-{name}": sum(n for n in sent if n % 3 == name) for name in range(3)}
    assert wanted == {name: sum(service.counter(name).values()) for name in wanted}
    service.tracker.kill()
    service.tracker.start()
    assert wanted == {name: sum(service.counter(name).values()) for name in wanted}
    assert 300 == int(service.tracker.value(
        "SELECT count() FROM sfpla.counted WHERE id LIKE 'kill-%'"))
