"""What is blanked of events whose visitors did not agree, by the bits that are asked for."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.refining import SETTINGS, VID, get, make_hit, post, refine, row_of, rows
from tracker.columns import BATCH_COLUMNS
from tracker.hit import Hit, Route
from tracker.refine import Refinery
from tracker.refine.consent import _lack
from tracker.settings import ConsentSettings, RefineSettings

IDENTITY, PARAMS = 1024, 4096
EID = "0e2d1c4a-5d5b-4b4e-9a53-1d3b5c3f7a11"

WHO = {"vid": VID, "sid": "s", "uid": "u", "auth": "a", "did": "d", "gaid": "g", "idfa": "i",
       "msid": "m", "fbid": "f", "ref": "r", "lat": 48.2, "lon": 16.4, "email": "a@b.example",
       "cell": "1", "uname": "n"}
EVENT = WHO | {"eid": EID, "ename": "page_view", "url": "https://example.com/a", "score": 5,
               "country": "AT", "plan": 2, "targets": {"a": 1}, "first": True}
HEADERS = "Host: t.example\r\nUser-Agent: Mozilla/5.0 Firefox/130.0\r\n"

PERSONAL = {column.name for column in BATCH_COLUMNS if column.personal} - {
    "params", "targets", "extra"}


def asking(identity: int = IDENTITY, params: int = PARAMS, assumed: int = 0) -> RefineSettings:
    return replace(SETTINGS, consent=ConsentSettings(identity, params, assumed))


def event(chosen: RefineSettings, *, route: Route = Route.TR, headers: str = HEADERS,
          **values: Any) -> dict[str, Any]:
    return row_of(post(EVENT | values, headers=headers, route=route), chosen)


def blank(row: dict[str, Any]) -> set[str]:
    return {name for name in PERSONAL if row[name] in ("", None)}


def test_without_a_policy_all_is_kept_whatever_was_agreed_to() -> None:
    row = event(SETTINGS, cflags=0)

    assert set() == blank(row)
    assert ({"plan": 2}, {"a": 1}) == (row["params"], row["targets"])


def test_without_the_bits_an_event_says_what_happened_and_not_to_whom() -> None:
    row = event(asking())

    assert PERSONAL == blank(row)
    assert ({}, {}, False) == (row["params"], row["targets"], row["first"])
    assert (EID, "page_view", "//example.com/a", 5.0, "AT", "Firefox") == tuple(
        row[name] for name in ("eid", "ename", "url", "score", "country", "browser"))


@pytest.mark.parametrize(("flags", "who", "words"), [
    (0, False, False), (IDENTITY, True, False), (PARAMS, False, True),
    (IDENTITY | PARAMS, True, True), (IDENTITY | 1, True, False), ("1024", True, False),
    (8192, False, False),  # greater than both, and none of their bits
    (-1, False, False), ("yes", False, False), ({}, False, False), (1 << 70, False, False),
])
def test_bits_are_tested_and_not_sizes(flags: Any, who: bool, words: bool) -> None:
    row = event(asking(), cflags=flags)

    assert (who, words) == (not blank(row), row["params"].get("plan") == 2)
    assert words == (row["targets"] == {"a": 1})


def test_of_several_bits_all_are_needed() -> None:
    assert "" == event(asking(identity=3), cflags=1)["vid"]
    assert VID == event(asking(identity=3), cflags=7)["vid"]


def test_flags_come_from_cookies_too_and_the_event_wins() -> None:
    cookie = f"{HEADERS}Cookie: CookieConsent={IDENTITY}\r\n"

    assert VID == event(asking(), headers=cookie)["vid"]
    assert "" == event(asking(), headers=cookie, cflags=0)["vid"]


def test_an_event_without_flags_counts_with_those_assumed_and_they_are_not_stored() -> None:
    assuming = asking(assumed=IDENTITY)
    silent, no, odd = rows(refine(post([EVENT, EVENT | {"cflags": 0}, EVENT | {"cflags": "?"}]),
                                  settings=assuming))

    assert (VID, 0) == (silent["vid"], silent["cflags"])
    assert ("", "") == (no["vid"], odd["vid"])
    assert VID == row_of(post(WHO), assuming)["vid"]


def test_no_id_of_ours_stands_for_a_visitor_who_is_not_known() -> None:
    row = row_of(get("/tr/v1/img/?ename=seen", route=Route.IMG), asking())

    assert ("", "", "", "") == (row["vid"], row["sid"], row["ip"], row["iphash"])


def test_what_tells_who_it_was_is_not_in_params_either() -> None:
    sent = {"UID": {"x": 1}, "uid": "u", "ip": "192.0.2.1", "plan": 2,
            "params": {"Vid": "v", "deep": {"uid": "u", "list": [{"email": 1, "did": 1, "k": 3}]}}}
    row = row_of(post(sent | {"cflags": PARAMS}), asking())

    assert {"plan": 2, "deep": {"list": [{"k": 3}]}} == row["params"]


@pytest.mark.parametrize("chosen", [SETTINGS, asking()])
def test_an_id_of_a_client_is_the_events_id_with_and_without_consent(chosen: RefineSettings
                                                                     ) -> None:
    refined = refine(post(EVENT), settings=chosen)

    assert [True] == refined.given.tolist()
    assert [EID] == refined.table["eid"].to_pylist()
    assert 0 != refined.body_hash[0]


def payment(**values: Any) -> dict[str, Any]:
    row = row_of(post({"vid": VID, "uid": "u", "orid": "o", "plan": 2, "payments": [
        {"amt": 5, "owner": "w", "updater": "x", "vid": "v", "product": "p"}]} | values,
        route=Route.LTV), asking())
    return row | {"item": json.loads(row["extra"])[0]}


def test_a_payment_without_consent_is_paid_by_nobody() -> None:
    row = payment()

    assert ("", "", {}) == (row["uid"], row["vid"], row["params"])
    assert {"owner", "updater", "vid", "sid"}.isdisjoint(row["item"])
    assert ("o:0", "5.0000", "p") == tuple(row["item"][name] for name in (
        "id", "revenue", "product"))
    assert [{"amt": 5, "product": "p"}] == payment(cflags=PARAMS)["params"]["payments"]


def test_a_payment_with_consent_is_kept_whole() -> None:
    row = payment(cflags=IDENTITY | PARAMS)

    assert ("u", VID, "w") == (row["uid"], row["item"]["vid"], row["item"]["owner"])


def test_a_message_without_consent_tells_neither_people_nor_its_words() -> None:
    sent = {"tid": "t", "vid": VID, "uid": "u", "owner": "w", "users": ["a", "b"], "msg": "Hello",
            "subject": "Hi", "status": "sent", "vid_targets": ["c"], "ref": "r"}

    def message(**values: Any) -> dict[str, Any]:
        row = row_of(post(sent | values), asking())
        return {**json.loads(row["extra"])[0], "params": row["params"]}

    people = {"vid", "uid", "owner", "users", "vid_targets", "ref"}
    silent = message()
    assert people.isdisjoint(silent)
    assert {"msg", "subject"}.isdisjoint(silent)
    assert ("sent", {}) == (silent["status"], silent["params"])
    words = message(cflags=PARAMS)
    assert people.isdisjoint(words)
    assert people.isdisjoint(words["params"])
    assert ("Hello", "Hi") == (words["msg"], words["subject"])
    who = message(cflags=IDENTITY)
    assert people <= who.keys()
    assert {"msg", "subject"}.isdisjoint(who)


def test_an_agreement_keeps_its_visitor_as_the_proof_also_where_it_says_no() -> None:
    row = row_of(post({"vid": VID, "cflags": 1, "uid": "u", "avid": "x", "loc": {"a": 1},
                       "compliances": {"gdpr": True}}, route=Route.AGREE), asking())
    (own,) = json.loads(row["extra"])

    assert (VID, 1) == (row["vid"], row["cflags"])
    assert PERSONAL - {"vid"} == blank(row)
    assert {"updated_at", "compliances"} == own.keys()


def test_clicks_on_links_are_events_of_visitors_too() -> None:
    for hit in (make_hit(b'{"etyp":"redirect","ename":"short_rdr"}', target="/s", method="GET",
                         headers="Host: go.example\r\nCookie: vid=v\r\n", route=Route.SHORT),
                get("/tr/v1/rdr/?vid=v&url=https://e.example", route=Route.RDR)):
        assert ("", "") == tuple(row_of(hit, asking())[name] for name in ("vid", "iphash"))


@pytest.mark.parametrize("route", [Route.LOG, Route.LINK])
def test_what_services_and_the_tracker_send_is_of_no_visitor(route: Route) -> None:
    hit = post({"msg": "a", "owner": "w", "change": {"updater": "anna"}, "detail": 5}, route=route)
    row = row_of(hit, asking())

    assert row_of(hit) == row
    assert "8.8.8.8" == row["ip"]


def mixed(flags: list[int | None]) -> list[Hit]:
    return [post(EVENT if each is None else EVENT | {"cflags": each},
                 route=(Route.TR, Route.LTV, Route.AGREE)[number % 3],
                 identity=number.to_bytes(16, "big"))
            for number, each in enumerate(flags)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([None, 0, IDENTITY, PARAMS, IDENTITY | PARAMS]), min_size=1,
                max_size=8))
def test_each_event_of_a_batch_counts_by_its_own_flags(flags: list[int | None]) -> None:
    refinery = Refinery(asking())
    together = rows(refinery.refine(mixed(flags)))
    alone = [row for hit in mixed(flags) for row in rows(refinery.refine([hit]))]

    assert alone == together
    assert len(flags) == len(together)


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, (1 << 63) - 1))
def test_the_test_of_bits_is_exact_over_all_of_them(flags: int, needed: int) -> None:
    lacking = _lack(np.array([flags]), needed)[0]
    assert bool(lacking) == bool(needed and (flags < 0 or flags & needed != needed))
