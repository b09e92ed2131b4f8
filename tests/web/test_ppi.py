"""The privacy API's questions, at a worker."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from harness.geodata import LINZ, V4, V6, csv_of, number
from harness.worker import Response, Worker, settings_for, working
from tracker.geoip.keeper import Keeper
from tracker.geoip.sources import ATTRIBUTIONS
from tracker.jurisdictions import built_in
from tracker.places import Places
from tracker.settings import GeoFile, GeoSettings, IntakeSettings

LAWS = "/tr/v1/ppi/jds"
PROXIES = IntakeSettings(trusted_proxies=(ip_network("127.0.0.1/32"),))


def get(worker: Worker, path: str, headers: str = "", method: str = "GET") -> Response:
    with worker.connect() as client:
        return client.ask(f"{method} {path} HTTP/1.1\r\nHost: tracker.test\r\n{headers}"
                          "Connection: close\r\n\r\n".encode(), method)


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("located")
    (folder / "data.csv").write_bytes(csv_of((*V4, *V6)))
    geo = GeoSettings((GeoFile(folder / "data.csv"),))
    settings = settings_for(folder / "data", intake=PROXIES, geo=geo)
    keeper = Keeper(geo, Places(settings.data_directory).geo)
    for _ in range(2):
        keeper.look(threading.Event())
    with working(settings) as worker:
        yield worker


def test_an_address_is_told_with_its_range_and_place(located: Worker) -> None:
    answer = get(located, "/tr/v1/ppi/geoip?ip=1.0.0.1")

    assert (200, "application/json", "*", "no-store") == (
        answer.status, answer.headers["content-type"],
        answer.headers["access-control-allow-origin"], answer.headers["cache-control"])
    assert {
        "ips": str(number("1.0.0.0")), "ipe": str(number("1.0.0.255")), "iso2": "AT",
        "country": "Austria", "region": "Upper Austria", "city": "Linz", "lat": LINZ.lat,
        "lon": LINZ.lon, "zip": "4020", "tz": "+02:00",
        "attribution": ATTRIBUTIONS["ip2location"]} == answer.json()


def test_the_clients_own_address_is_taken_where_none_is_given(located: Worker) -> None:
    answer = get(located, "/tr/v1/ppi/geoip", "X-Forwarded-For: 8.8.8.8\r\n")

    assert "Paris, 1er" == answer.json()["city"]


@pytest.mark.parametrize(("query", "status", "code"), [
    ("ip=nonsense", 400, "bad_address"), ("ip=", 400, "bad_address"),
    ("ip=" + "1" * 5000, 400, "bad_address"), ("ip=%00", 400, "bad_address"),
    ("ip=10.0.0.1", 404, "private_address"), ("ip=::1", 404, "private_address"),
    ("ip=fe80::1%25eth0", 404, "private_address"), ("", 404, "private_address"),
    ("ip=9.9.9.9", 404, "unknown_address"),
])
def test_an_address_without_a_place_is_told_with_the_reason(
    located: Worker, query: str, status: int, code: str,
) -> None:
    answer = get(located, f"/tr/v1/ppi/geoip?{query}")

    assert (status, code) == (answer.status, answer.json()["error"]["code"])
    assert "*" == answer.headers["access-control-allow-origin"]


@pytest.mark.parametrize(("address", "city"), [
    ("[2400::1]", "Linz"), ("[2400::1]:443", "Linz"), ("2400:0::0001", "Linz"),
    ("8.8.8.8:443", "Paris, 1er"), ("::FFFF:8.8.8.8", "Paris, 1er"),
])
def test_an_address_may_be_spelt_in_any_way(located: Worker, address: str, city: str) -> None:
    assert city == get(located, f"/tr/v1/ppi/geoip?ip={address}").json()["city"]


def test_without_use_geo_ip_no_address_is_told(tmp_path: Path) -> None:
    with working(settings_for(tmp_path / "data")) as worker:
        answer = get(worker, "/tr/v1/ppi/geoip?ip=8.8.8.8")

    assert (503, "geoip_off") == (answer.status, answer.json()["error"]["code"])


@pytest.mark.parametrize("name", ["geoip", "jds"])
def test_a_browser_may_ask_from_another_site(located: Worker, name: str) -> None:
    answer = get(located, f"/tr/v1/ppi/{name}", "Origin: https://a.example\r\n", "OPTIONS")

    assert (200, b"", "*") == (answer.status, answer.body,
                               answer.headers["access-control-allow-origin"])
    assert "content-type" in answer.headers["access-control-allow-headers"]
    assert ["GET, HEAD, POST, OPTIONS"] * 2 == [
        answer.headers[name] for name in ("allow", "access-control-allow-methods")]


def test_a_slash_at_the_end_changes_nothing(located: Worker) -> None:
    assert get(located, LAWS).json() == get(located, LAWS + "/").json()
    assert "Linz" == get(located, "/tr/v1/ppi/geoip/?ip=1.0.0.1").json()["city"]


@pytest.mark.parametrize("path", ["/vid/anna/cflags/8/", "/vid/an%0Ana/cflags/8"])
def test_an_agreement_may_stand_in_the_path(located: Worker, path: str) -> None:
    before = len(located.hits())
    answer = get(located, "/tr/v1/ppi/agree" + path, "Content-Length: 0\r\n", "POST")

    assert (200, before + 1) == (answer.status, len(located.hits()))


@pytest.mark.parametrize("path", ["/tr/v1/ppi/none", "/tr/v1/ppi/jds%0A/x", "/tr/v1/ppi/",
                                  "/tr/v1/ppi/jds/more"])
def test_another_question_is_refused(located: Worker, path: str) -> None:
    answer = get(located, path)

    assert (400, "unknown_action") == (answer.status, answer.json()["error"]["code"])


def test_all_laws_are_told_as_an_array(located: Worker) -> None:
    laws = get(located, LAWS).json()

    assert len(built_in()) == len(laws)
    assert {"regulation", "compliance", "seq", "rules", "locs", "updated_at"} <= laws[0].keys()
    assert ("GDPR", "opt-in", "2018-05-25") == (
        laws[0]["regulation"], laws[0]["consent"], laws[0]["since"])


def entry(**changes: Any) -> dict[str, Any]:
    return {"regulation": "House", "compliance": "cookies", "name": "Rules of the house",
            "since": "2026-01", "locs": ["AT", "US-CA"], "consent": "opt-in", "source": "§ 1",
            "known": "2026-11-28", **changes}


def test_the_operators_file_changes_the_laws_without_a_restart(tmp_path: Path) -> None:
    own = tmp_path / "laws.json"
    own.write_text(json.dumps({"jurisdictions": [
        entry(), entry(regulation="GDPR", compliance="personal data", name="Ours")]}))
    settings = replace(settings_for(tmp_path / "data"), jurisdictions=own)
    with working(settings) as worker:
        more = get(worker, LAWS).json()
        own.write_text(json.dumps({"replace": True, "jurisdictions": [entry(seq=1)]}))
        refused, health = get(worker, LAWS).json(), get(worker, "/health").json()
        own.write_text(json.dumps({"replace": True, "jurisdictions": [entry()]}))
        alone = get(worker, LAWS).json()
        told = get(worker, "/health").json()

    assert (len(built_in()) + 1, "Ours", "House") == (
        len(more), more[0]["name"], more[-1]["regulation"])
    assert more == refused
    assert "unknown field `seq`" in health["jurisdictions"]["last_error"]
    assert ["House"] == [law["regulation"] for law in alone]
    assert "jurisdictions" not in told


def test_health_names_places_that_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"hello\nworld\n")
    geo = GeoSettings((GeoFile(tmp_path / "data.csv"),))
    settings = settings_for(tmp_path / "data", geo=geo)
    keeper = Keeper(geo, Places(settings.data_directory).geo)
    for _ in range(2):
        keeper.look(threading.Event())
    with working(settings) as worker:
        told = get(worker, "/health").json()

    assert "degraded" == told["status"]
    assert told["places"]["last_error"].startswith(f"{tmp_path / 'data.csv'}: row 2")
