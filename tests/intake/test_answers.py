"""What each route answers, to whom, on which method."""

import pytest

from harness.intake import Client
from tracker.hit import Route
from tracker.intake import Answer
from tracker.settings import IntakeSettings

EVENT = b'{"vid":"v","sid":"s","ename":"x"}'
PIXEL = bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b")
PATHS = ["/tr/v1/tr/", "/tr/v1/str/", "/tr/v1/img/", "/tr/v1/rdr/", "/tr/v1/xrdr/", "/tr/v1/pub/"]


@pytest.fixture
def client() -> Client:
    return Client(IntakeSettings(domains=("example.com",), default_redirect="https://home.example"))


@pytest.mark.parametrize(("target", "route"), [
    ("/tr/v1/tr/", Route.TR), ("/tr/v1/tr", Route.TR), ("/tr/v1/tr/a/b/c", Route.TR),
    ("/tr/v1/tr?a=1", Route.TR), ("/tr/v1/str", Route.STR), ("/tr/v1/str/x/y", Route.STR),
    ("/tr/v1/img/x.gif", Route.IMG), ("/tr/v1/rdr/", Route.RDR), ("/tr/v1/xrdr", Route.XRDR),
    ("/tr/v1/pub/t.js", Route.PUB),
])
def test_a_path_and_all_below_it_is_its_route(client: Client, target: str, route: Route) -> None:
    hit = client.get(target).hit
    assert hit is not None
    assert route == hit.route
    assert client.intake.is_tracking(target.encode())


@pytest.mark.parametrize("target", [
    "/", "/tr/", "/tr/v1/", "/tr/v1/trx/", "/tr/v2/tr/", "/tr/v1/wss", "/TR/V1/TR/", "//tr/v1/tr/",
    "/x/tr/v1/tr/", "/tr/v1/ppi/geoip", "*", "",
])
def test_other_paths_are_not_ours(client: Client, target: str) -> None:
    assert not client.intake.is_tracking(target.encode())
    assert "not_found" == client.get(target).error


def test_the_api_version_is_configured() -> None:
    client = Client(IntakeSettings(api_version=7))
    assert 200 == client.post(EVENT, "/tr/v7/tr/").status
    assert 404 == client.post(EVENT, "/tr/v1/tr/").status


def test_tr_answers_with_nothing(client: Client) -> None:
    outcome = client.post(EVENT)
    assert (b"HTTP/1.1 200 OK\r\ncache-control: no-store\r\naccess-control-allow-origin: *\r\n"
            b"content-length: 0\r\n\r\n") == outcome.answer.encode(True)
    assert outcome.accepted is not None
    assert 1 == outcome.accepted.events


def test_img_answers_with_a_pixel(client: Client) -> None:
    outcome = client.get("/tr/v1/img/ename/mail")
    assert PIXEL == outcome.answer.body
    assert "image/gif" == outcome.headers["content-type"]
    assert "no-store" == outcome.headers["cache-control"]


def test_pub_leaves_the_answer_to_whoever_serves_files(client: Client) -> None:
    accepted = client.get("/tr/v1/pub/t.js").accepted
    assert accepted is not None
    assert accepted.file


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_like_get_without_body_and_event(client: Client, path: str) -> None:
    outcome = client.send("HEAD", path)
    assert outcome.hit is None
    assert b"" == outcome.answer.body
    got = client.get(path)
    if "str" not in path:
        assert (got.status, got.answer.length) == (outcome.status, outcome.answer.length)


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_allows_what_scripts_send(client: Client, path: str) -> None:
    outcome = client.send("OPTIONS", path, headers={"Origin": "https://site.example"})
    assert (200, b"") == (outcome.status, outcome.answer.body)
    assert outcome.hit is None
    headers = outcome.headers
    assert "*" == headers["access-control-allow-origin"]
    assert "7200" == headers["access-control-max-age"]
    allowed = headers["access-control-allow-headers"].split(", ")
    assert {"content-type", "authorization", "user", "x-gigawatts"} <= set(allowed)
    assert "GET, HEAD, POST, PUT, OPTIONS" == headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"])
@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused_with_those_allowed(client: Client, method: str,
                                                      path: str) -> None:
    outcome = client.send(method, path, EVENT)
    assert 405 == outcome.status
    assert "method_not_allowed" == outcome.error
    assert "GET, HEAD, POST, PUT, OPTIONS" == outcome.headers["allow"]


def test_put_is_read_like_post(client: Client) -> None:
    hit = client.send("PUT", "/tr/v1/tr/", EVENT).hit
    assert hit is not None
    assert EVENT == hit.body


ORIGINS = IntakeSettings(allow_origin="https://a.example, https://b.example/")


@pytest.mark.parametrize(("origin", "echoed"), [
    ("https://a.example", "https://a.example"), ("https://b.example", "https://b.example"),
    ("https://A.example", "https://a.example"), ("https://c.example", None), ("null", None),
    ("https://a.example.evil.example", None),
])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE"])
def test_of_listed_origins_the_one_that_asks_is_echoed(origin: str, echoed: str | None,
                                                       method: str) -> None:
    headers = Client(ORIGINS).send(method, "/tr/v1/tr/", EVENT, {"Origin": origin}).headers
    assert echoed == headers.get("access-control-allow-origin")
    assert "origin" == headers["vary"]
    assert ("true" if echoed else None) == headers.get("access-control-allow-credentials")


def test_without_an_origin_the_answer_still_varies() -> None:
    headers = Client(ORIGINS).post(EVENT).headers
    assert "origin" == headers["vary"]
    assert "access-control-allow-origin" not in headers


def test_a_refusal_is_json_that_scripts_may_read(client: Client) -> None:
    outcome = client.post(b"{")
    assert 400 == outcome.status
    assert "application/json" == outcome.headers["content-type"]
    assert "*" == outcome.headers["access-control-allow-origin"]


def test_a_refusal_of_head_has_no_body(client: Client) -> None:
    answer = client.send("HEAD", "/tr/v1/rdr/?url=https://evil.example").answer
    assert (400, b"") == (answer.status, answer.body)
    assert answer.length


@pytest.mark.parametrize(("keep_alive", "http10", "start", "line"), [
    (True, False, b"HTTP/1.1 200 OK\r\n", None),
    (False, False, b"HTTP/1.1 200 OK\r\n", b"connection: close\r\n"),
    (True, True, b"HTTP/1.0 200 OK\r\n", b"connection: keep-alive\r\n"),
    (False, True, b"HTTP/1.0 200 OK\r\n", b"connection: close\r\n"),
])
def test_the_answer_says_whether_the_connection_stays(
        keep_alive: bool, http10: bool, start: bytes, line: bytes | None) -> None:
    wire = Answer(200, ((b"a", b"b"),), b"xyz").encode(keep_alive, http10)
    assert wire.startswith(start)
    assert wire.endswith(b"content-length: 3\r\n" + (line or b"") + b"\r\nxyz")
    assert (line is None) == (b"connection" not in wire)
