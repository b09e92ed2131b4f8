"""The privacy API at a whole tracker: agreements land once, and can be asked for at once."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.geodata import V4, csv_of, zip_of
from harness.process import TrackerProcess, eventually, running

pytestmark = pytest.mark.server

VID = "14fb0860-b4bf-11e9-8971-7b80435315ac"
AGREEMENT = {"vid": VID, "cflags": 1024, "tz": "America/Los_Angeles", "lat": 37.7749,
             "lon": -122.4194, "oid": "a1b2c3d4-e5f6-7890-abcd-ef1234567890"}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    folder = tmp_path_factory.mktemp("privacy")
    zip_of(folder / "4.zip", DB11_CSV=csv_of(V4))
    with running(folder, UseGeoIP=True, IPv4GeoIPZip="4.zip", IPv4GeoIPCSVDest="DB11.CSV",
                 TrustedProxies=["127.0.0.1"]) as tracker:
        yield tracker


def ask(tracker: TrackerProcess, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        tracker.url + path, None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    return status, json.loads(content) if content else None


def rows(tracker: TrackerProcess, sql: str) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{tracker.query_port}/", f"{sql} FORMAT JSON".encode())
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())["data"]
    return found


def test_an_agreement_can_be_asked_for_at_once_and_is_kept_with_those_before(
    tracker: TrackerProcess,
) -> None:
    assert (200, None) == ask(tracker, "/tr/v1/ppi/agree", AGREEMENT)
    assert (200, None) == ask(tracker, "/tr/v1/ppi/agree", AGREEMENT | {"cflags": 2048})
    status, found = ask(tracker, f"/tr/v1/ppi/agree?vid={VID}")

    assert 200 == status
    assert [(VID, 2048, "US", 37.7749)] == [
        (row["vid"], row["cflags"], row["country"], row["lat"]) for row in found]
    assert {"ip", "iphash", "browser"}.isdisjoint(found[0])
    assert [{"cflags": 2048}] == rows(tracker, "SELECT cflags FROM sfpla.agreements")
    assert [{"cflags": 1024}, {"cflags": 2048}] == rows(
        tracker, "SELECT cflags FROM sfpla.agreed ORDER BY created_at, cflags")
    assert [{"n": 0}] == rows(tracker, "SELECT toUInt32(count()) AS n FROM sfpla.events")


def test_events_of_a_client_count_with_the_flags_it_agreed_to(tracker: TrackerProcess) -> None:
    request = urllib.request.Request(tracker.url + "/tr/v1/ppi/agree",
                                     b'{"vid":"v7","cflags":"1024"}', method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        (cookie,) = answer.headers.get_all("set-cookie")
    assert cookie.startswith("CookieConsent=1024; Max-Age=34560000; Path=/; SameSite=Lax")
    ask(tracker, "/tr/v1/tr/", {"vid": "v7"}, Cookie=cookie.partition(";")[0])
    eventually(lambda: rows(tracker, "SELECT vid FROM sfpla.events WHERE vid = 'v7'") != [],
               20, "the event has landed")

    assert [{"cflags": 1024}] == rows(
        tracker, "SELECT cflags FROM sfpla.events WHERE vid = 'v7'")


def test_an_agreement_sent_again_with_its_id_counts_once(tracker: TrackerProcess) -> None:
    again = {"vid": "twice", "cflags": 1, "eid": "0e2d1c4a-5d5b-4b4e-9a53-1d3b5c3f7a11"}
    for _ in range(2):
        assert (200, None) == ask(tracker, "/tr/v1/ppi/agree/", again)
    ask(tracker, "/tr/v1/ppi/agree?vid=twice")

    assert [{"n": 1}] == rows(
        tracker, "SELECT toUInt32(count()) AS n FROM sfpla.agreed WHERE vid = 'twice'")


@pytest.mark.parametrize(("body", "code"), [
    ([AGREEMENT], "not_one_agreement"), ("text", "bad_json"),
])
def test_what_is_no_agreement_is_refused(tracker: TrackerProcess, body: Any, code: str) -> None:
    status, answer = ask(tracker, "/tr/v1/ppi/agree", body)

    assert 400 == status
    assert answer["error"]["message"]
    assert code == answer["error"]["code"] or code == "bad_json"


def test_without_a_visitor_there_is_no_agreement(tracker: TrackerProcess) -> None:
    assert (404, []) == ask(tracker, "/tr/v1/ppi/agree")
    assert (200, []) == ask(tracker, "/tr/v1/ppi/agree?vid=x%27+OR+1%3D1")


def flushed(tracker: TrackerProcess) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{tracker.query_port}/", b"SYSTEM FLUSH ASYNC INSERT QUEUE")
    urllib.request.urlopen(request, timeout=20).close()


def test_the_laws_that_were_asked_for_are_in_sql_once(tracker: TrackerProcess) -> None:
    laws = ask(tracker, "/tr/v1/ppi/jds")[1]
    assert laws == ask(tracker, "/tr/v1/ppi/jds")[1]
    flushed(tracker)

    assert sorted((law["regulation"], law["compliance"]) for law in laws) == [
        (row["regulation"], row["compliance"]) for row in rows(
            tracker, "SELECT regulation, compliance FROM sfpla.jurisdictions ORDER BY 1, 2")]
    assert [{"consent": "opt-out", "codes": ["US-CA"]}] == rows(
        tracker, "SELECT rules.consent AS consent, locs.codes AS codes FROM sfpla.jurisdictions"
                 " WHERE regulation = 'CCPA'")
    assert [{"n": len(laws)}] == rows(
        tracker, "SELECT toUInt32(count()) AS n FROM sfpla.jurisdictions_store")


def test_events_are_located_by_their_address_and_batches_say_by_which_data(
    tracker: TrackerProcess,
) -> None:
    eventually(lambda: "4.zip" in ask(tracker, "/health")[1]["places"]["version"], 30,
               "the places are read")
    assert "Linz" == ask(tracker, "/tr/v1/ppi/geoip?ip=1.0.0.1")[1]["city"]
    ask(tracker, "/tr/v1/tr/", {"vid": "v9"}, **{"X-Forwarded-For": "1.0.1.1"})
    eventually(lambda: rows(tracker, "SELECT vid FROM sfpla.events WHERE vid = 'v9'") != [],
               20, "the event has landed")

    assert [{"country": "AT", "city": "Graz", "zip": "8010"}] == rows(
        tracker, "SELECT country, city, zip FROM sfpla.events WHERE vid = 'v9'")
    manifests = (tracker.folder / "data" / "batches").glob("*.json")
    assert any('"places":"4.zip (' in path.read_text() for path in manifests)


def test_who_did_not_agree_is_counted_and_known_by_nothing(tmp_path: Path) -> None:
    eid = "0e2d1c4a-5d5b-4b4e-9a53-1d3b5c3f7a11"
    with running(tmp_path, Consent={"Identity": 1024, "Params": 4096}, Workers=1,
                 Domains=["example.com"]) as tracker:
        silent = {"eid": eid, "vid": VID, "uid": "u", "email": "a@b.example", "plan": 2,
                  "ename": "view", "url": "https://example.com/a"}
        for _ in range(2):
            assert 200 == tracker.post(silent)
        assert 200 == tracker.post(silent | {"eid": None, "cflags": 1024, "vid": "known"})
        assert 200 == tracker.post({"vid": VID, "uid": "u", "orid": "o", "amt": 5}, "/tr/v1/ltv/")
        assert 200 == tracker.post({"vid": VID, "uid": "u", "tid": "t", "msg": "hello"})
        assert 200 == tracker.post({"vid": VID, "uid": "u", "cflags": 1}, "/tr/v1/ppi/agree")
        for path in ("img/?ename=pixel", "xrdr/?url=https://example.com/&ename=way"):
            _, fields, _ = tracker.request("GET", f"/tr/v1/{path}", headers={"Cookie": "vid=c"})
            assert "set-cookie" not in fields
        tracker.flush()

        assert 6 == tracker.value("SELECT toInt32(count()) FROM events")
        assert 5 == tracker.value(
            "SELECT toInt32(countIf(vid = '' AND sid = '' AND uid = '' AND ip = '' AND iphash = ''"
            " AND agent = '' AND NOT first AND toString(params) = '{}')) FROM events")
        assert [{"vid": "known", "ip": "127.0.0.1"}] == tracker.sql(
            "SELECT vid, ip FROM events WHERE vid <> ''")
        for view in ("visitors", "sessions", "people", "reqs", "ips", "emails"):
            assert 1 == tracker.value(f"SELECT toInt32(count()) FROM {view}"), view
        assert 0 == tracker.value("SELECT toInt32(sum(total)) FROM counters")
        assert [{"uid": "", "vid": "", "revenue": 5}] == tracker.sql(
            "SELECT uid, vid, toInt32(revenue) AS revenue FROM ltv")
        assert [{"vid": "", "uid": "", "msg": ""}] == tracker.sql(
            "SELECT vid, uid, msg FROM mstore")
        assert [{"vid": VID, "uid": "", "ip": "", "cflags": 1}] == tracker.sql(
            "SELECT vid, uid, ip, toInt32(cflags) AS cflags FROM agreements")
        assert [{"accepted": 8, "kept": 7, "again": 1}] == tracker.sql(
            "SELECT toInt32(sum(accepted)) AS accepted, toInt32(sum(landed) + sum(others)) AS kept,"
            " toInt32(sum(duplicates)) AS again FROM accounting")


@pytest.mark.parametrize("sent", ["all", -1, True, 1.5])
def test_an_agreement_to_what_cannot_be_read_is_refused_by_name(tracker: TrackerProcess,
                                                                sent: Any) -> None:
    status, answer = ask(tracker, "/tr/v1/ppi/agree", {"vid": "odd", "cflags": sent})

    assert (400, "bad_value", "cflags") == (
        status, answer["error"]["code"], answer["error"]["field"])
    flushed(tracker)
    assert [] == rows(tracker, "SELECT vid FROM sfpla.agreed WHERE vid = 'odd'")
