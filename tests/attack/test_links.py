"""Attacks on short URLs and accounts, while good events go on."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from harness.attack import Goods, raw, store_of
from harness.process import TrackerProcess, account
from harness.worker import Client

pytestmark = pytest.mark.server

API = "/tr/v1/rpi/redirect"


@pytest.fixture(scope="module")
def key(tracker: TrackerProcess, goods: Goods) -> str:
    account(tracker, "add", "anna", said="correct horse battery\n")
    return account(tracker, "key", "anna")


def put(tracker: TrackerProcess, key: str, urlfrom: str, urlto: str = "https://example.com/"
        ) -> tuple[int, bytes]:
    status, _, body = tracker.request(
        "POST", API, json.dumps({"urlfrom": urlfrom, "urlto": urlto}),
        {"Authorization": f"Bearer {key}"})
    return status, body


@pytest.mark.parametrize("urlfrom", [
    "https://go.example/tr/v1/tr/", "https://go.example/TR/v1/x", "https://go.example/ping",
    "https://go.example/health", "https://go.example/%2e%2e/x", "https://go.example//evil.example",
    "//evil.example/x", "javascript:alert(1)//x", "data:text/html,x", "https://go.example/",
    "https://u:p@go.example/x", "https://go.example/a\r\nX: y", "https://go.example/%0d%0aX:y",
    "https://go.example/" + "a" * (1 << 20), "https://go.example/\u0000", "https://\r\n/x",
])
def test_no_such_short_url_is_made(tracker: TrackerProcess, goods: Goods, key: str, urlfrom: str
                                   ) -> None:
    status, body = put(tracker, key, urlfrom)
    assert 400 == status
    assert "urlfrom" == json.loads(body)["error"]["field"]
    assert len(body) < 1_000
    goods.send()


@pytest.mark.parametrize("urlto", [
    "//evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>",
    "https://user@evil.example/", "https://example.com/\r\nSet-Cookie: vid=x",
    "https://example.com\\@evil.example", "file:///etc/passwd", "https://go.example/self",
    "https://example.com/" + "a" * (1 << 20), "\x01https://example.com/",
    "https://go.example/tr/v1/rdr/?url=javascript%3Aalert(1)",
])
def test_no_link_leads_there(tracker: TrackerProcess, goods: Goods, key: str, urlto: str) -> None:
    status, body = put(tracker, key, "https://go.example/self", urlto)
    assert 400 == status
    assert "urlto" == json.loads(body)["error"]["field"]
    goods.send()


def test_pages_of_the_tracker_are_never_short_urls(tracker: TrackerProcess, goods: Goods, key: str
                                                   ) -> None:
    assert 201 == put(tracker, key, "https://go.example/pingpong")[0]
    for path in ("/ping", "/health", "/status"):
        assert 200 == tracker.request("GET", path, headers={"Host": "go.example"})[0]
    goods.send()


@pytest.mark.parametrize("host", [
    b"go.example\x00", b"go.example/ok", b"go.example, evil", b"*", b"", b"\xff\xfe", b"[::1",
    b"a" * 5_000, b"go.example:" + b"9" * 4_000,
])
def test_odd_hosts_find_nothing_and_harm_nothing(tracker: TrackerProcess, goods: Goods, key: str,
                                                 host: bytes) -> None:
    put(tracker, key, "https://go.example/ok")
    with Client(tracker.port) as client:
        answer = client.ask(b"GET /ok HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", "GET")
        assert answer.status in (400, 404)
    goods.send()


def test_what_a_visitor_appends_is_made_safe(tracker: TrackerProcess, goods: Goods, key: str
                                             ) -> None:
    tracker.request("POST", API, json.dumps(
        {"urlfrom": "https://go.example/q", "urlto": "https://example.com/", "pass_query": True}),
        {"Authorization": f"Bearer {key}"})
    for query in (b"x=%0d%0aSet-Cookie:%20a=b", b"x=\t<script>", b"x=\x80\xff", b"x=\x0b",
                  b"https://evil.example"):
        with Client(tracker.port) as client:
            answer = client.ask(b"GET /q?" + query + b" HTTP/1.1\r\nHost: go.example\r\n\r\n",
                                "GET")
        if answer.status == 302:
            location = answer.headers["location"]
            assert location.startswith("https://example.com/?")
            assert location.isascii()
            assert not set("\r\n\t <>\"\\") & set(location)
        else:
            assert answer.status in (400, 404)
    goods.send()


def test_paths_that_are_hard_to_read_are_cheap(tracker: TrackerProcess, goods: Goods, key: str
                                               ) -> None:
    put(tracker, key, "https://go.example/ok")
    started = time.monotonic()
    with Client(tracker.port) as client:
        for path in (b"/" + b"%" * 15_000, b"/" + b"%c3%a4" * 2_000, b"/" + b"/" * 15_000):
            for _ in range(20):
                answer = client.ask(raw("GET", path, b"").replace(b"tracker.test", b"go.example"),
                                    "GET")
                assert 404 == answer.status
    assert time.monotonic() - started < 5
    goods.send()


@pytest.mark.parametrize("end", [
    ("delete", "--yes"), ("change", "--scope", "read"), ("change", "--host", "other.example"),
])
def test_an_account_that_ends_while_it_makes_links_makes_none_after(
        tracker: TrackerProcess, goods: Goods, key: str, end: tuple[str, ...]) -> None:
    uid, host = f"ends-{end[0]}{end[-1]}", f"{end[0]}{end[-1].strip('-')}.example"
    account(tracker, "add", uid, "--no-password", "--scope", "redirects")
    own = account(tracker, "key", uid)
    over = threading.Event()

    def make(worker: int) -> list[tuple[float, int, str]]:
        made = []
        for number in itertools.count():
            urlfrom, started = f"https://{host}/{worker}-{number}", time.monotonic()
            made.append((started, put(tracker, own, urlfrom)[0], urlfrom))
            if over.is_set():
                break
        return made

    with ThreadPoolExecutor(6) as pool:
        making = [pool.submit(make, worker) for worker in range(6)]
        time.sleep(0.2)
        account(tracker, end[0], uid, *end[1:])
        ended = time.monotonic()
        time.sleep(0.2)
        over.set()
        calls = [call for future in making for call in future.result()]

    assert {201} < {status for _, status, _ in calls} <= {201, 401, 403}
    assert 201 not in {status for started, status, _ in calls if started > ended}
    listed = tracker.request("GET", f"/tr/v1/rpi/redirects/{host}?limit=10000", None,
                             {"Authorization": f"Bearer {key}"})[2]
    assert {urlfrom for _, status, urlfrom in calls if status == 201} == {
        link["urlfrom"] for link in json.loads(listed)["results"]}
    goods.send()


def test_guessing_passwords_is_slowed_and_takes_little(tracker: TrackerProcess, goods: Goods,
                                                       key: str) -> None:
    def guess(number: int) -> tuple[int, str]:
        status, fields, _ = tracker.request(
            "GET", f"/tr/v1/rpi/redirects/anna/guess-{number}/go.example")
        return status, fields.get("retry-after", "")

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(guess, range(200)))

    assert {401, 429} == {status for status, _ in found}
    assert 10 > len([status for status, _ in found if status == 401])
    assert min(int(seconds) for status, seconds in found if status == 429) >= 1
    assert 201 == put(tracker, key, "https://go.example/by-key")[0]  # who has a key is not held up
    assert store_of(tracker)
    goods.send()


def test_bodies_beyond_all_bounds_are_refused(tracker: TrackerProcess, goods: Goods, key: str
                                              ) -> None:
    for path, body, want in (
            (API, b"[" * 1_000_000, 400), (API, b'{"urlfrom":' * 100_000, 400),
            ("/tr/v1/rpi/redirects", b"[" + b"{}," * 1_000_000 + b"{}]", 400),
            ("/tr/v1/rpi/redirects", json.dumps(
                [{"urlfrom": f"https://a.example/{n}", "urlto": "https://b.example/"}
                 for n in range(10_001)]).encode(), 413),
            (API, b"x" * (5 << 20), 413)):
        status, _, content = tracker.request("POST", path, body,
                                             {"Authorization": f"Bearer {key}"})
        assert want == status, content[:200]
    goods.send()


@pytest.mark.parametrize("where", ["'; DROP TABLE links; --", "%", "\" OR 1=1 --", "a\u0000b"])
def test_values_are_values(tracker: TrackerProcess, goods: Goods, key: str, where: str) -> None:
    header = {"Authorization": f"Bearer {key}"}
    put(tracker, key, "https://go.example/stays")
    assert tracker.request("GET", f"/tr/v1/rpi/redirects/{quote(where, safe='')}", None,
                           header)[0] in (400, 404)
    found = tracker.request("GET", "/tr/v1/rpi/redirects/go.example?after=" + quote(where), None,
                            header)
    assert 200 == found[0]
    way = f"/tr/v1/rpi/redirects/{quote(where, safe='')}/x/go.example"
    assert tracker.request("GET", way)[0] in (401, 404, 429)
    assert 302 == tracker.request("GET", "/stays", headers={"Host": "go.example"})[0]
    goods.send()
