from collections.abc import Sequence
from typing import Any

import pytest

from harness.refining import event_of, make_hit, post, refine, row_of, rows
from tracker.geoip import NOWHERE, Place
from tracker.hit import Route
from tracker.refine import Drop
from tracker.refine.agents import Agents
from tracker.refine.hashes import account
from tracker.refine.zones import countries_by_zone
from tracker.settings import RefineSettings

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
IPAD = ("Mozilla/5.0 (iPad; CPU OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/16.5 Mobile/15E148 Safari/604.1")
PIXEL = ("Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko)"
         " Chrome/120.0.0.0 Mobile Safari/537.36")
GALAXY_TAB = ("Mozilla/5.0 (Linux; Android 12; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko)"
              " Chrome/80.0.3987.119 Safari/537.36")
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
HEADLESS = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " HeadlessChrome/120.0.0.0 Safari/537.36")


@pytest.mark.parametrize(("agent", "browser", "os", "device", "bot"), [
    (FIREFOX, "Firefox", "Linux", "desktop", False),
    (IPAD, "Mobile Safari", "iOS", "tablet", False),
    (PIXEL, "Chrome Mobile", "Android", "mobile", False),
    (GALAXY_TAB, "Chrome", "Android", "tablet", False),
    (GOOGLEBOT, "Googlebot", "", "", True),
    (HEADLESS, "HeadlessChrome", "Linux", "", True),
    ("curl/7.88.1", "curl", "", "", True),
    ("Mozilla/5.0 (Linux; Android 9; CUBOT X) Mobile", "Android", "Android", "mobile", False),
    ("okhttp/4.9.2", "okhttp", "", "", False),
    ("", "", "", "", False),
    ("\x00" * 3000, "", "", "", False),
])
def test_an_agent_is_described(
        agent: str, browser: str, os: str, device: str, bot: bool) -> None:
    found = Agents().describe(agent)

    assert (browser, os, device, bot) == (found.browser, found.os, found.device, found.bot)


def test_headers_fill_what_the_client_did_not_say() -> None:
    headers = f"Host: Localhost:8443\r\nUser-Agent:  {FIREFOX} \r\n"
    row = row_of(post({"device": "Handset"}, headers=headers))

    assert ("localhost", "d4md6", FIREFOX.lower(), "135xquo") == tuple(
        row[name] for name in ("host", "hhash", "agent", "bhash"))
    assert ("Firefox", "Linux", "Handset", False) == tuple(
        row[name] for name in ("browser", "os", "device", "bot"))


def test_without_headers_nothing_is_known() -> None:
    row = row_of(post({}, headers=""))

    assert {""} == {row[name] for name in (
        "host", "hhash", "agent", "bhash", "browser", "os", "device", "culture", "ja4h")}


@pytest.mark.parametrize(("route", "server"), [
    (Route.TR, False), (Route.IMG, False), (Route.XRDR, False),
    (Route.STR, True), (Route.RDR, True), (Route.PUB, True),
])
def test_the_route_says_whether_a_server_sent_it(route: Route, server: bool) -> None:
    assert server is row_of(post({}, route=route))["server"]


def test_the_agent_of_a_server_does_not_describe_the_visitor() -> None:
    row = row_of(post({"os": "iOS"}, route=Route.STR, headers="User-Agent: curl/7.88.1\r\n"))

    assert ("curl/7.88.1", "1e86evk", "", "iOS", False) == tuple(
        row[name] for name in ("agent", "bhash", "browser", "os", "bot"))


def test_keys_that_we_fill_ourselves_stay_in_params() -> None:
    sent = {"ip": "1.2.3.4", "host": "h", "bot": True, "server": True, "agent": "a",
            "created_at": "now", "hhash": "x"}

    row = event_of(sent)

    assert sent == row["params"]
    assert ("8.8.8.8", "localhost", False) == (row["ip"], row["host"], row["bot"])


@pytest.mark.parametrize(("zone", "country"), [
    ("America/Los_Angeles", "US"), ("europe/warsaw", "PL"), ("Asia/Kolkata", "IN"),
    ("Asia/Calcutta", "IN"), ("US/Pacific", "US"), ("Europe/Oslo", "NO"), ("UTC", ""),
    ("EST", ""), ("Etc/GMT+3", ""), ("nowhere", ""), (5, ""),
])
def test_the_time_zone_tells_the_country(zone: Any, country: str) -> None:
    assert country == event_of({"tz": zone})["country"]


def test_every_zone_of_the_original_is_known() -> None:
    assert 450 < len(countries_by_zone())


class Everywhere:
    """Looks up all addresses but one."""

    def find(self, addresses: Sequence[str]) -> list[Place]:
        found = Place("US", "California", "Mountain View", "94043", 37.4, -122.1)
        return [NOWHERE if address == "127.0.0.1" else found for address in addresses]


def test_the_clients_word_wins_over_zone_and_address() -> None:
    told, zoned, located, unknown = rows(refine(
        post({"country": " at ", "city": " Linz ", "lat": 48.3, "lon": "14.3", "tz": "Asia/Tokyo"}),
        post({"tz": "Asia/Tokyo", "lat": 1}), post({}), post({}, address="127.0.0.1"),
        geo=Everywhere()))

    names = ("country", "region", "city", "zip", "lat", "lon")
    assert ("AT", "California", "Linz", "94043", 48.3, 14.3) == tuple(told[n] for n in names)
    assert ("JP", 1.0, None) == (zoned["country"], zoned["lat"], zoned["lon"])
    assert ("US", "California", "Mountain View", "94043", 37.4, -122.1) == tuple(
        located[n] for n in names)
    assert ("", "", "", "", None, None) == tuple(unknown[n] for n in names)


def test_without_descriptions_no_address_tells_region_or_city() -> None:
    settings = RefineSettings(region_descriptions=False)
    row = row_of(post({"city": "Linz"}), settings, geo=Everywhere())

    assert ("US", "", "Linz") == (row["country"], row["region"], row["city"])


def test_events_of_another_account_are_left_out_and_counted() -> None:
    settings = RefineSettings(account_hash_mixer="mixer")
    own = account("localhost", "mixer")
    refined = refine(post([{"n": 1}, {"acct": own, "n": 2}, {"acct": "x"}]),
                     post({"ACCT": own, "n": 3}), make_hit(), settings=settings)

    assert [2, 3] == [row["params"]["n"] for row in rows(refined)]
    assert [0, 1] == refined.hit.tolist()
    assert {Drop.ACCOUNT: 3} == refined.filtered
    assert {"n": 2} == rows(refined)[0]["params"]


def test_without_a_mixer_an_account_is_a_value_like_any_other() -> None:
    assert {"acct": "x"} == event_of({"acct": "x"})["params"]
