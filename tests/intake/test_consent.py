"""Consent before the answer: agreements that say what, and cookies only for who agreed to them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.intake import Client
from harness.refining import SETTINGS, rows
from tracker.hit import Route
from tracker.intake import Intake, Request
from tracker.refine import Refinery
from tracker.settings import ConsentSettings, IntakeSettings, RefineSettings

AGREE = "/tr/v1/ppi/agree"
FORM = {"content_type": "application/x-www-form-urlencoded"}
NEEDED = 1024


def asking(assumed: int = 0, **others: Any) -> Client:
    return Client(IntakeSettings(consent=ConsentSettings(NEEDED, 0, assumed), **others))


@pytest.mark.parametrize("sent", [
    '"all"', '""', "true", "[1024]", "{}", "1.5", "-1", '"-1"', "1e30", "9223372036854775808",
    "1" * 5000,
])
@pytest.mark.parametrize("key", ["cflags", "CFlags"])
def test_an_agreement_to_what_cannot_be_read_is_refused(sent: str, key: str) -> None:
    outcome = Client().post(f'{{"vid":"v","{key}":{sent}}}', AGREE)

    assert (400, "bad_value", "cflags") == (
        outcome.status, outcome.error, outcome.json["error"]["field"])
    assert {} == outcome.cookies


@pytest.mark.parametrize("body", ["cflags=all&vid=v", "cflags=&vid=v", "CFLAGS=-1"])
def test_so_is_one_in_a_form_or_a_query(body: str) -> None:
    assert "bad_value" == Client().post(body, AGREE, **FORM).error
    assert "bad_value" == Client().send("POST", f"{AGREE}?{body}").error


@pytest.mark.parametrize(("body", "cookie"), [
    ('{"cflags":1024}', "1024"), ('{"cflags":"1024"}', "1024"), ('{"cflags":" 1024 "}', "1024"),
    ('{"cflags":1024.0}', "1024"), ('{"CFlags":1}', "1"), ('{"cflags":null,"CFLAGS":2}', "2"),
    ('{"cflags":0}', "0"), ('{"cflags":9223372036854775807}', "9223372036854775807"),
])
def test_what_was_agreed_to_is_kept_in_a_cookie_and_in_the_row(body: str, cookie: str) -> None:
    outcome = Client().post(body, AGREE)

    assert (200, cookie) == (outcome.status, outcome.cookies["CookieConsent"].partition(";")[0])
    assert outcome.hit is not None
    assert [int(cookie)] == [row["cflags"] for row in rows(Refinery(SETTINGS).refine([
        outcome.hit]))]


def test_a_form_is_an_agreement_as_well() -> None:
    outcome = Client().post("vid=v&cflags=7", AGREE, **FORM)

    assert (200, "7") == (outcome.status, outcome.cookies["CookieConsent"].partition(";")[0])


def test_an_agreement_without_flags_has_those_that_came_beside_it() -> None:
    outcome = Client().post('{"vid":"v"}', AGREE, cookie="CookieConsent=5")

    assert (200, {}) == (outcome.status, outcome.cookies)


def test_an_agreement_is_taken_and_kept_in_a_cookie_whatever_it_says() -> None:
    outcome = asking().post('{"vid":"v","cflags":0}', AGREE)

    assert (200, ["CookieConsent"]) == (outcome.status, [*outcome.cookies])


CASES = [
    # target, body, headers, whether the visitor is kept
    ("/tr/v1/tr/", '{"a":1}', {}, False),
    ("/tr/v1/tr/", '{"cflags":1024}', {}, True),
    ("/tr/v1/tr/", '{"cflags":2048}', {}, False),
    ("/tr/v1/tr/", '{"cflags":"3072"}', {}, True),
    ("/tr/v1/tr/", '{"cflags":true}', {}, False),
    ("/tr/v1/tr/", '{"cflags":-1}', {}, False),
    ("/tr/v1/tr/", '{"CFLAGS":1024}', {}, True),
    ("/tr/v1/tr/", '{"cflags":0,"CFLAGS":1024}', {}, False),
    ("/tr/v1/tr/", '{"cflags":null,"CFLAGS":1024}', {}, True),
    ("/tr/v1/tr/", '[{"cflags":1024},{"cflags":0}]', {}, True),
    ("/tr/v1/tr/", '[1,{"cflags":0},{"cflags":1024}]', {}, False),
    ("/tr/v1/tr/", '{"a":1}', {"Cookie": "CookieConsent=1024"}, True),
    ("/tr/v1/tr/", '{"a":1}', {"Cookie": 'CookieConsent="1024"'}, True),
    ("/tr/v1/tr/", '{"a":1}', {"Cookie": "CookieConsent=1"}, False),
    ("/tr/v1/tr/", '{"a":1}', {"Cookie": "CookieConsent=all"}, False),
    ("/tr/v1/tr/", '{"cflags":0}', {"Cookie": "CookieConsent=1024"}, False),
    ("/tr/v1/tr/", '{"a":1}', {"Cookie": "vid=c; sid=d"}, False),
    ("/tr/v1/tr/cflags/1024", '{"a":1}', {}, True),
    ("/tr/v1/tr/cflags/1024?cflags=0", "", {}, False),
    ("/tr/v1/img/?cflags=1024", "", {}, True),
    ("/tr/v1/img/?utm_cflags=1024", "", {}, True),
    ("/tr/v1/img/?utm_cflags=1024&cflags=0", "", {}, False),
    ("/tr/v1/img/?cflags=1024&igqp=1", "", {}, False),
    ("/tr/v1/img/", "", {"User": '{"cflags":1024}'}, True),
    ("/tr/v1/img/", "", {"User": "%7B%22cflags%22:1024%7D"}, True),
    ("/tr/v1/img/", "", {"User": '{"cflags":1024}', "Cookie": "CookieConsent=0"}, False),
    ("/tr/v1/img/", "", {"Cookie": 'user={"cflags":1024}'}, True),
    ("/tr/v1/tr/", "cflags=1024", {"Content-Type": FORM["content_type"]}, True),
    ("/tr/v1/tr/", "cflags=1", {"Content-Type": FORM["content_type"]}, False),
    ("/tr/v1/xrdr/?cflags=1024&url=https://home.example/", "", {}, True),
    ("/tr/v1/xrdr/?url=https://home.example/", "", {}, False),
]


@pytest.mark.parametrize(("target", "body", "headers", "kept"), CASES)
def test_a_visitor_is_kept_in_cookies_where_the_row_knows_one(
    target: str, body: str, headers: dict[str, str], kept: bool,
) -> None:
    client = asking(ignore_query_key="igqp", domains=("home.example",))
    outcome = client.send("POST" if body else "GET", target, body, headers)

    assert outcome.hit is not None
    row = rows(Refinery(RefineSettings(ignore_query_key="igqp", private_key=b"k",
                                       consent=ConsentSettings(NEEDED))).refine([outcome.hit]))[0]
    assert kept == bool(row["vid"])
    assert kept == ("sid" in outcome.cookies)
    assert kept or {} == outcome.cookies


def test_who_is_assumed_to_agree_is_kept_and_who_says_no_is_not() -> None:
    client = asking(assumed=NEEDED)

    assert {"vid", "sid"} == client.get("/tr/v1/img/").cookies.keys()
    assert {} == client.get("/tr/v1/img/?cflags=0").cookies


def test_without_a_policy_flags_change_no_cookie() -> None:
    assert {"vid", "sid"} == Client().get("/tr/v1/img/?cflags=0").cookies.keys()


@pytest.mark.parametrize(("cookie", "kept"), [(b"CookieConsent=1024", True), (b"a=b", False)])
def test_a_websocket_keeps_a_visitor_by_what_its_handshake_says(cookie: bytes, kept: bool) -> None:
    head = (b"GET /tr/v1/ws HTTP/1.1\r\nHost: t.example.com\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: " + cookie + b"\r\n")
    own: Intake = asking().intake
    stream = own.open_stream(Request(b"GET", b"/tr/v1/ws", head, b"", "192.0.2.1", False))

    assert kept == bool(stream.cookies)


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, 1024, 2048, "1024", "", "x", True, 1024.0, -1, [1], {}])


@settings(deadline=None)
@given(body=st.dictionaries(st.sampled_from(["cflags", "CFLAGS", "cFlags", "a"]), VALUES,
                            max_size=3),
       query=st.lists(st.tuples(st.sampled_from(["cflags", "Cflags", "utm_cflags", "UTM_CFLAGS"]),
                                st.sampled_from(["0", "1024", "x", ""])), max_size=2),
       path=st.sampled_from(["", "cflags/1024", "CFLAGS/0", "cflags"]),
       cookie=st.sampled_from(["", "1024", "0", "x"]), get=st.booleans())
def test_nobody_is_kept_whom_the_row_does_not_know(
    body: dict[str, Any], query: list[tuple[str, str]], path: str, cookie: str, get: bool,
) -> None:
    target = f"/tr/v1/tr/{path}?" + "&".join(f"{name}={value}" for name, value in query)
    outcome = asking().send("GET" if get else "POST", target, "" if get else json.dumps(body),
                            {"Cookie": f"CookieConsent={cookie}"} if cookie else {})

    assert outcome.hit is not None
    assert Route.TR == outcome.hit.route
    (row,) = rows(REFINERY.refine([outcome.hit]))
    assert bool(row["vid"]) == bool(outcome.cookies)


REFINERY = Refinery(RefineSettings(private_key=b"k", consent=ConsentSettings(NEEDED)))
