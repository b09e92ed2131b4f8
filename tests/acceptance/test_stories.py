"""Small stories of visitors, sent over HTTP and told by both stores; the figures are counted by
hand."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from harness.process import TrackerProcess, eventually, running

pytestmark = pytest.mark.server

Ask = Callable[[str], list[tuple[Any, ...]]]
HOST = "shop.example"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15"
ADDRESSES = {"p1": "192.0.2.1", "l1": "192.0.2.2", "tv": "192.0.2.3"}


def get(tracker: TrackerProcess, target: str, **headers: str) -> None:
    status, _, _ = tracker.request("GET", f"/tr/v1/{target}", None, {"Host": HOST, **headers})
    assert 200 == status


def post(tracker: TrackerProcess, minute: int, event: dict[str, Any], route: str = "tr",
         **headers: str) -> None:
    """An event of that minute; its address is that of its device."""
    body = {"created": f"2026-03-01T12:{minute:02}:00Z", "sid": f"s-{event.get('vid')}", **event}
    if event.get("vid") in ADDRESSES:
        headers["X-Forwarded-For"] = ADDRESSES[event["vid"]]
    status, _, answer = tracker.request("POST", f"/tr/v1/{route}/", json.dumps(body),
                                        {"Host": HOST, **headers})
    assert 200 == status, answer


def an_experiment(tracker: TrackerProcess) -> None:
    """Three land on variants of the experiment `title`, two sign up; one of them by its pixel."""
    for minute, (vid, split) in enumerate((("x1", "A"), ("x2", "B"), ("x3", "B"))):
        post(tracker, minute, {"oid": "exp", "vid": vid, "ename": "land", "first": True,
                               "xid": "title", "split": split, "url": "https://shop.example/"})
    post(tracker, 10, {"oid": "exp", "vid": "x2", "outcome": "signup", "sink": "cw", "first": False,
                       "url": "https://shop.example/in", "params": {"button": "red"}},
         Cookie="xid=title; params=" + quote('{"button":"green","size":2}')
                + "; trc=1772366400000; ref=https%3A%2F%2Fshop.example%2Fbefore%3Fq; jwt=se.cr.et")
    get(tracker, "img/oid/exp/vid/x3/sid/s-x3/outcome/signup/sink/cw/first/false?url="
        + quote("https://shop.example/in", safe=""), Cookie='xid="other"; ref=x1')


def referrals(tracker: TrackerProcess) -> None:
    """r1 brings r2 with a code and r3 without; later others claim to have brought r2."""
    post(tracker, 0, {"oid": "ref", "vid": "r1", "ename": "land"})
    post(tracker, 1, {"oid": "ref", "vid": "r2", "ename": "land", "ref": "r1", "rcode": "SPRING"})
    post(tracker, 2, {"oid": "ref", "vid": "r3", "ename": "land"}, Cookie="ref=r1")
    post(tracker, 3, {"oid": "ref", "vid": "r2", "ename": "back", "ref": "r9", "rcode": "LATE"})


def a_household(tracker: TrackerProcess) -> None:
    """Anna has a phone and a laptop; the television is hers and Ben's."""
    for minute, vid, uid, url in (
        (0, "p1", "", "/"), (1, "p1", "anna", "/in"), (2, "p1", "", "/after"), (3, "l1", "", "/"),
        (4, "l1", "anna", "/in"), (5, "tv", "", "/"), (6, "tv", "anna", "/film"),
        (7, "tv", "ben", "/film"), (8, "nobody", "", "/"),
    ):
        post(tracker, minute, {"oid": "home", "vid": vid, "ename": f"e{minute}",
                               "url": f"https://shop.example{url}",
                               **({"uid": uid} if uid else {}),
                               **({"lat": 48.2, "lon": 16.4} if vid == "p1" else {})})
    post(tracker, 9, {"oid": "home", "vid": "p1", "uid": "anna", "ename": "e9", "sid": "s-new",
                      "url": "https://shop.example/late", "lat": 47.1, "lon": 15.4})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    pytest.importorskip("duckdb", reason="the extra duckdb is not installed")
    with running(tmp_path_factory.mktemp("stories"), CreatedPastSeconds=10**9,
                 TrustedProxies=["127.0.0.1"],
                 Notify=[{"Service": "chdb"}, {"Service": "duckdb"}]) as tracker:
        for tell in (an_experiment, referrals, a_household):
            tell(tracker)
        tracker.flush()
        eventually(lambda: tracker.health()["stores"]["duckdb"]["lag_events"] == 0, 60,
                   "duckdb has landed all")
        yield tracker


@pytest.fixture(params=["chdb", "duckdb"])
def ask(request: pytest.FixtureRequest, told: TrackerProcess) -> Ask:
    """Rows of one of the stores; whole numbers as such."""
    def asked(sql: str) -> list[tuple[Any, ...]]:
        rows = told.sql(sql) if request.param == "chdb" else told.sql_of("duckdb", sql)
        return [tuple(int(value) if isinstance(value, str) and value.isdecimal() else value
                      for value in row.values()) for row in rows]

    return asked


def test_an_outcome_knows_its_experiment_and_the_landing_its_variant(ask: Ask) -> None:
    assert [("x2", "title"), ("x3", "other")] == ask(
        "SELECT vid, xid FROM sfpla.events WHERE oid = 'exp' AND outcome <> '' ORDER BY vid")
    assert [("A", 1, 0), ("B", 2, 2)] == ask("""
        SELECT v.split AS variant, count(*) AS landed, sum(CASE WHEN o.vid <> '' THEN 1 ELSE 0 END)
            AS signed_up
        FROM sfpla.visitors AS v LEFT JOIN (SELECT DISTINCT vid FROM sfpla.events
            WHERE oid = 'exp' AND outcome = 'signup') AS o ON v.vid = o.vid
        WHERE v.oid = 'exp' AND v.xid = 'title' GROUP BY v.split ORDER BY variant""")


def test_outcomes_are_counted_per_day_page_and_sink(ask: Ask) -> None:
    assert [("signup", "cw", "//shop.example/in", 2)] == ask(
        "SELECT outcome, sink, url, sum(total) AS n FROM sfpla.outcomes WHERE oid = 'exp'"
        " GROUP BY outcome, sink, url")


def test_cookies_fill_what_an_event_does_not_say(told: TrackerProcess) -> None:
    assert [{"button": "red", "size": "2", "trc": "1772366400000",
             "last": "//shop.example/before"}] == told.sql(
        "SELECT toString(params.button) AS button, toString(params.size) AS size,"
        " toString(params.trc) AS trc, last FROM sfpla.events WHERE vid = 'x2' AND outcome <> ''")
    assert [{"ref": "x1", "last": ""}] == told.sql(
        "SELECT ref, last FROM sfpla.events WHERE vid = 'x3' AND outcome <> ''")
    assert [] == [path for path in told.data.rglob("*")
                  if path.is_file() and b"se.cr.et" in path.read_bytes()]


def test_the_first_referrer_and_the_first_code_stay(ask: Ask) -> None:
    assert [("r2", "r1"), ("r3", "r1")] == ask(
        "SELECT vid, ref FROM sfpla.referrals WHERE oid = 'ref' ORDER BY vid")
    assert [("r2", "SPRING")] == ask("SELECT vid, rcode FROM sfpla.referred WHERE oid = 'ref'")


def test_visitors_and_sessions_are_told_by_their_first_event(ask: Ask) -> None:
    assert [("l1", "e3"), ("nobody", "e8"), ("p1", "e0"), ("tv", "e5")] == ask(
        "SELECT vid, ename FROM sfpla.visitors WHERE oid = 'home' ORDER BY vid")
    assert [("s-l1", "e3"), ("s-new", "e9"), ("s-nobody", "e8"), ("s-p1", "e0"), ("s-tv", "e5")
            ] == ask("SELECT sid, ename FROM sfpla.sessions WHERE oid = 'home' ORDER BY sid")


def test_addresses_places_and_last_pages_are_known(ask: Ask) -> None:
    assert [("l1", "192.0.2.2"), ("p1", "192.0.2.1"), ("tv", "192.0.2.3")] == ask(
        "SELECT vid, ip FROM sfpla.nodes WHERE oid = 'home' AND vid <> 'nobody' ORDER BY vid")
    assert [("p1", 47.1, 15.4), ("p1", 48.2, 16.4)] == ask(
        "SELECT vid, lat, lon FROM sfpla.locations WHERE oid = 'home' AND vid = 'p1' ORDER BY lat")
    assert [("192.0.2.1", "//shop.example/late"), ("192.0.2.2", "//shop.example/in"),
            ("192.0.2.3", "//shop.example/film")] == ask(
        "SELECT ip, url FROM sfpla.routed WHERE oid = 'home' AND ip LIKE '192%' ORDER BY ip")


def test_users_and_their_devices_are_paired(ask: Ask) -> None:
    pairs = [("l1", "anna"), ("p1", "anna"), ("tv", "anna"), ("tv", "ben")]
    assert pairs == ask(
        "SELECT vid, uid FROM sfpla.aliases WHERE oid = 'home' ORDER BY vid, uid")
    assert pairs == ask("SELECT DISTINCT vid, uid FROM sfpla.userhosts WHERE oid = 'home'"
                        " ORDER BY vid, uid")


def test_all_events_of_a_person_are_found_across_devices(ask: Ask) -> None:
    def of(person: str) -> list[str]:
        return [row[0] for row in ask("SELECT ename FROM sfpla.people WHERE oid = 'home'"
                                      f" AND person = '{person}' ORDER BY ename")]

    assert ["e0", "e1", "e2", "e3", "e4", "e6", "e9"] == of("anna")
    assert ["e7"] == of("ben")
    assert ["e5"] == of("tv")  # whose, only the two could tell
    assert ["e8"] == of("nobody")
