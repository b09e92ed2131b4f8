from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.refining import SETTINGS, VID, get, make_hit, post, refine, row_of, rows
from tracker.hit import Route, Shape
from tracker.refine.head import Heads, host_name, read_fields, read_line, read_query
from tracker.settings import RefineSettings

IGNORING = RefineSettings(ignore_query_key="igqp")


def test_path_tuples_follow_the_name_of_the_route() -> None:
    row = row_of(get(f"/tr/v1/tr/vid/{VID}/ROCK/ON"))

    assert VID == row["vid"]
    assert {"ROCK": "ON"} == row["params"]


@pytest.mark.parametrize(("path", "values"), [
    ("/tr/v1/tr", {}), ("/tr/v1/tr/", {}), ("/tr/v1/tr/vid", {}), ("/tr/v1/tr/x/", {"x": ""}),
    ("/tr/v1/tr/url/a%2Fb", {"url": "a/b"}), ("/tr/v1/tr/a/1/a/2", {"a": "2"}),
    ("/tr/v1/tr/a+b/%zz", {"a+b": "%zz"}), ("/tr/v1/tr/x/%ff", {"x": "�"}),
    ("http://host/tr/v1/tr/a/1", {"a": "1"}),
])
def test_path_parts_are_split_before_they_are_decoded(path: str, values: dict[str, str]) -> None:
    assert values == read_line(f"GET {path} HTTP/1.1".encode(), "", tuples=True)


def test_the_path_of_a_file_is_no_row_of_values() -> None:
    row = row_of(get("/tr/v1/pub/css/site.css?x=1", route=Route.PUB))

    assert {"x": 1} == row["params"]


@pytest.mark.parametrize(("query", "values"), [
    ("a=1&a=2", {"a": "1"}), ("a=b+c%20d", {"a": "b c d"}), ("utm_source=FB", {"source": "FB"}),
    ("utm_source=1&source=2", {"source": "2"}), ("source=2&UTM_source=1", {"source": "2"}),
    ("a", {"a": ""}), ("&&=", {}), ("a=b=c", {"a": "b=c"}), ("x=1&igqp", {}), ("igqp=1&x=1", {}),
    ("IGQP=1", {"IGQP": "1"}), ("%75tm_source=x", {"source": "x"}),
])
def test_query_pairs(query: str, values: dict[str, str]) -> None:
    assert values == read_query(query, "igqp")


def test_the_query_is_read_of_get_and_not_of_post() -> None:
    target = "/tr/v1/tr/?utm_source=FB&foo=1.50&x=TRUE"
    row = row_of(get(target))

    assert ("FB", {"foo": "1.50", "x": "TRUE"}) == (row["source"], row["params"])
    assert {} == row_of(make_hit(b"{}", target=target))["params"]
    assert {} == row_of(get(target + "&igqp=1"), IGNORING)["params"]


def with_cookies(cookies: str, event: dict[str, Any]) -> dict[str, Any]:
    return row_of(post(event, headers=f"Host: x\r\nCookie: {cookies}\r\n"))


def test_cookies_fill_what_neither_body_nor_url_says() -> None:
    cookies = "xid=%22t%20x; ref=v-9; trc=1772366400000; params=%7B%22a%22:1,%22b%22:2%7D; jwt=s"
    row = with_cookies(cookies, {})
    assert ('"t x', "v-9", {"a": 1, "b": 2, "trc": 1772366400000}) == (
        row["xid"], row["ref"], row["params"])
    row = with_cookies(cookies, {"XID": "mine", "ref": "r", "trc": 5, "params": {"a": 7, "c": 8}})
    assert ("mine", "r", {"a": 7, "b": 2, "c": 8, "trc": 5}) == (
        row["xid"], row["ref"], row["params"])
    row = row_of(get("/tr/v1/tr/?xid=url", headers=f"Host: x\r\nCookie: {cookies}\r\n"))
    assert "url" == row["xid"]


def test_of_params_as_text_each_key_counts_too() -> None:
    assert {"a": 1, "b": 2} == with_cookies('params={"a":0,"b":2}', {"params": '{"a":1}'})["params"]
    assert {"b": 2} == with_cookies('params={"b":2}', {"params": None})["params"]


def test_events_of_a_batch_share_no_params_of_their_cookies() -> None:
    made = rows(refine(post([{"params": {"a": 1}}, {}, {"x": 3}], shape=Shape.ARRAY,
                            headers='Host: x\r\nCookie: params={"b":{"c":2}}\r\n')))
    assert [{"a": 1, "b": {"c": 2}}, {"b": {"c": 2}}, {"b": {"c": 2}, "x": 3}] == [
        row["params"] for row in made]


def test_a_page_in_the_cookie_of_referrers_is_the_page_before() -> None:
    row = with_cookies("ref=https%3A%2F%2Fa.example%2Fb%3Fc", {})
    assert ("", "//a.example/b") == (row["ref"], row["last"])
    row = with_cookies("ref=https%3A%2F%2Fa.example%2Fb", {"last": "https://d.example/"})
    assert ("", "//d.example/") == (row["ref"], row["last"])


@pytest.mark.parametrize("cookies", ["xid=; ref=; params=; trc=", 'xid=""; params=5; trc=soon',
                                     "params=[1]; trc=1.5", "params={; jwt=a.b.c; token=x"])
def test_cookies_that_say_nothing_fill_nothing(cookies: str) -> None:
    row = with_cookies(cookies, {})
    assert ("", "", "", {}) == (row["xid"], row["ref"], row["last"], row["params"])


def test_the_later_source_wins() -> None:
    headers = 'Host: x\r\nUser: {"uid":"1","vid":"0","app":"a"}\r\nCookie: vid=1; sess=s\r\n'
    row = row_of(post({"VID": "3", "rel": "r"}, target="/tr/v1/tr/vid/2/rel/p", headers=headers))

    assert ("3", "r", "s", "1", "a") == tuple(row[k] for k in ("vid", "rel", "sid", "uid", "app"))
    assert {} == row["params"]
    assert "2" == row_of(get("/tr/v1/tr/vid/2", headers=headers))["vid"]
    assert "1" == row_of(get("/tr/v1/tr/", headers=headers))["vid"]


def test_an_array_takes_what_its_hit_says_for_every_event() -> None:
    hit = post([{"a": 1}, {"vid": "own"}], headers="Cookie: vid=jar; CookieConsent=5\r\n")
    first, second = rows(refine(hit))

    assert ("jar", 5) == (first["vid"], first["cflags"])
    assert ("own", 5) == (second["vid"], second["cflags"])


@pytest.mark.parametrize(("headers", "values"), [
    ("Cookie: vid=1; sid=2; sess=3; ehash=H=", {"vid": "1", "sid": "2", "ehash": "H="}),
    ("Cookie: sess=3", {"sid": "3"}),
    ('Cookie: vid="q"', {"vid": "q"}),
    ("Cookie: CookieConsent=1024", {"cflags": 1024}),
    ("Cookie: CookieConsent=yes", {}),
    ("cookie: vid=1\r\nCOOKIE: vid=2; sid=3", {"vid": "1", "sid": "3"}),
    ('User: {"uid":"u","x":null}', {"uid": "u"}),
    ("User: %7B%22uid%22%3A%22u%22%7D", {"uid": "u"}),
    ("User: nobody", {}),
    ('Cookie: user={"uid":"c","org":"o"}\r\nUser: {"uid":"h"}', {"uid": "h", "org": "o"}),
    ('User: {"vid":"u"}\r\nCookie: vid=c', {"vid": "c"}),
])
def test_values_of_headers(headers: str, values: dict[str, object]) -> None:
    assert values == read_fields(headers.encode()).values


@pytest.mark.parametrize(("sent", "host"), [
    ("Example.com", "example.com"), ("localhost:8443", "localhost"), ("[::1]:80", "[::1]"),
    (" x ", "x"), ("", ""),
])
def test_a_host_is_lower_case_without_port(sent: str, host: str) -> None:
    assert host == host_name(sent)


@pytest.mark.parametrize(("sent", "language"), [
    ("de-AT,de;q=0.9", "de-at"), ("en;q=0.5", "en"), ("", ""), ("*", "*"),
])
def test_the_culture_is_the_first_language_unless_it_is_said(sent: str, language: str) -> None:
    headers = f"Accept-Language: {sent}\r\n"

    assert language == row_of(post({}, headers=headers))["culture"]
    assert "fr-FR" == row_of(post({"culture": "fr-FR"}, headers=headers))["culture"]


def test_a_form_is_read_like_a_query() -> None:
    row = row_of(make_hit(b"vid=a%20b&page=2&page=3", shape=Shape.FORM))

    assert ("a b", {"page": 2}) == (row["vid"], row["params"])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_head_makes_reading_fail(line: bytes, fields: bytes) -> None:
    read_line(line, SETTINGS.ignore_query_key, tuples=True)
    read_fields(fields)


@given(st.lists(st.sampled_from([
    "Host: a", "Host: b", "Content-Length: 1", "Content-Length: 2", "User-Agent: x", "Accept: */*",
    "Cookie: vid=1", "Cookie: sid=2; vid=3", "X"])))
def test_heads_are_one_where_all_headers_that_we_use_are(lines: list[str]) -> None:
    heads = Heads()
    all_lines = "\r\n".join(lines).encode()
    used = "\r\n".join(line for line in lines if (line[:1] in "HUC" and line[:2] != "Co")
                       or line.startswith("Cookie")).encode()

    assert heads.code(all_lines) == heads.code(used) == 0
    assert [read_fields(all_lines)] == heads.fields
