"""Bodies that ask for links are read, or refused by field and place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import RequestRefused
from tracker.registry.calls import Wish
from tracker.web.loads import read_many, read_one

ONE = {"urlfrom": "https://a.example/s", "urlto": "https://b.example/"}


def test_one_link_is_read() -> None:
    body = {**ONE, "hostfrom": 1, "searchto": None, "expires": None, "max_clicks": 3,
            "pass_query": True}

    assert Wish("https://a.example/s", "https://b.example/", expires=None, max_clicks=3,
                pass_query=True) == read_one(json.dumps(body).encode())


@pytest.mark.parametrize("field", ["max_clicks", "expires"])
@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 10 ** 400])
def test_numbers_that_no_message_can_hold_are_refused_by_name(field: str, number: int) -> None:
    body = json.dumps({**ONE, field: number}).encode()
    for refuses in (lambda: read_one(body), lambda: read_many(b"[%b]" % body, "")):
        with pytest.raises(RequestRefused) as refused:
            refuses()
        assert (400, "link_refused", field) == (refused.value.status, refused.value.code,
                                                refused.value.field)


def test_what_is_derived_may_be_anything_as_it_is_not_read() -> None:
    body = json.dumps({**ONE, "hostfrom": 10 ** 400, "pathto": [10 ** 400]}).encode()

    wish = Wish(ONE["urlfrom"], ONE["urlto"])

    assert wish == read_one(body)
    assert [wish] == read_many(b"[%b]" % body, "application/json")
def test_what_is_not_read_of_a_link_may_be_anything() -> None:
    huge = b'{"urlfrom":"a","hostfrom":123456789012345678901234567890,"pathto":[[{}]]}'

    assert Wish("a") == read_one(huge)
    assert [Wish("a")] == read_many(b"[" + huge + b"]", "application/json")


@pytest.mark.parametrize(("body", "code", "field", "message"), [
    (b"", "empty_body", None, "urlfrom"), (b"noise", "not_json", None, "JSON"),
    (b"\xff\xfe", "not_json", None, "JSON"), (b"[" * 100_000, "link_refused", None, "object"),
    (b'{"hostto":' + b"[" * 100_000, "not_json", None, "JSON"),
    (b"[]", "link_refused", None, "object"), (b"null", "link_refused", None, "object"),
    (b"{}", "link_refused", "urlfrom", "missing"),
    (b'{"urlfrom":1}', "link_refused", "urlfrom", "str"),
    (b'{"urlfrom":"a","urlto":null}', "link_refused", "urlto", "null"),
    (b'{"urlfrom":"a","max_clicks":"3"}', "link_refused", "max_clicks", "int"),
    (b'{"urlfrom":"a","max_clicks":18446744073709551616}', "link_refused", "max_clicks", "int"),
    (b'{"urlfrom":"a","expires":-18446744073709551616}', "link_refused", "expires", "int"),
    (b'{"urlfrom":"a","pass_query":1}', "link_refused", "pass_query", "bool"),
    (b'{"urlfrom":"a","expire":1}', "link_refused", "expire", "no `expire`"),
])
def test_what_is_no_link_is_refused(body: bytes, code: str, field: str | None, message: str
                                    ) -> None:
    with pytest.raises(RequestRefused) as refused:
        read_one(body)
    assert (400, code, field) == (refused.value.status, refused.value.code, refused.value.field)
    assert message in refused.value.message


def test_many_are_read_as_json_and_as_csv() -> None:
    wishes = [Wish("https://a.example/s", "https://b.example/?a=1,2", max_clicks=5),
              Wish("https://a.example/t", "https://b.example/", pass_query=True, oid="ö")]
    text = ('\ufeffurlfrom, urlto,max_clicks,pass_query,oid\r\n'
            'https://a.example/s,"https://b.example/?a=1,2",5,,\r\n\r\n'
            'https://a.example/t,https://b.example/,,TRUE,ö\n')

    assert wishes == read_many(text.encode(), "text/csv; charset=utf-8")
    assert wishes == read_many(json.dumps([
        {"urlfrom": "https://a.example/s", "urlto": "https://b.example/?a=1,2", "max_clicks": 5},
        {"urlfrom": "https://a.example/t", "urlto": "https://b.example/", "pass_query": True,
         "oid": "ö"}]).encode(), "application/json")


def test_space_around_a_number_of_a_csv_says_nothing() -> None:
    space = " " * 25
    body = f"urlfrom,urlto,max_clicks,expires\na,b,{space}5{space},{space}7\n"

    assert [Wish("a", "b", max_clicks=5, expires=7)] == read_many(body.encode(), "text/csv")


@pytest.mark.parametrize(("body", "kind", "code", "field", "message"), [
    ('[{"urlfrom":"a","urlto":"b"},{"urlto":"b"}]', "json", "link_refused", "urlfrom", "link 1"),
    ('[{"urlfrom":"a","x":1}]', "json", "link_refused", "x", "link 0"),
    ("{}", "json", "link_refused", None, "array"),
    ("urlfrom,urlto\na", "csv", "link_refused", None, "Line 2"),
    ("urlfrom,url\na,b", "csv", "link_refused", "url", "line 2"),
    ("urlfrom,urlto\n,b", "csv", "link_refused", "urlfrom", "line 2"),
    ("urlfrom,max_clicks\na,many", "csv", "link_refused", "max_clicks", "line 2"),
    ('urlfrom,urlto\n"a,b', "csv", "not_csv", None, "Line 2"),
    ("urlfrom,urlto\n" + "a" * 200_000 + ",b", "csv", "not_csv", None, "Line 2"),
])
def test_many_are_refused_by_place(body: str, kind: str, code: str, field: str | None,
                                   message: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        read_many(body.encode(), "text/csv" if kind == "csv" else "")
    assert (code, field) == (refused.value.code, refused.value.field)
    assert message in refused.value.message


def test_csv_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(RequestRefused, match="UTF-8"):
        read_many(b"urlfrom\n\xff", "text/csv")


@given(st.binary(max_size=200), st.sampled_from(["text/csv", "application/json", ""]))
def test_any_bytes_are_links_or_refused(body: bytes, kind: str) -> None:
    for read in (lambda: read_many(body, kind), lambda: read_one(body)):
        try:
            read()
        except RequestRefused as error:
            assert 400 == error.status  # noqa: PT017 - both ends are right
