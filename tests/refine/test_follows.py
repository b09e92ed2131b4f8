"""Clicks on short URLs as events."""

from typing import Any

import pytest

from harness.refining import get, make_hit, refine, row_of, rows
from tracker.hit import Hit, Route

SAYS = b'{"etyp":"redirect","ename":"short_rdr","link":"go.example/s"}'


def click(target: str = "/s", headers: str = "", body: bytes = SAYS) -> Hit:
    return make_hit(body, target=target, method="GET", route=Route.SHORT,
                    headers=f"Host: Go.example:8443\r\n{headers}")


def picked(row: dict[str, Any], *names: str) -> list[Any]:
    return [row[name] for name in names]


def test_a_click_has_what_the_original_gives_it() -> None:
    row = row_of(click())

    assert ["short_rdr", "redirect", "/s", "//go.example/s", "go.example", False] == picked(
        row, "ename", "etyp", "last", "url", "host", "server")
    assert {"link": "go.example/s"} == row["params"]


def test_a_click_says_where_the_visitor_came_from() -> None:
    row = row_of(click("/s?x=1", "Referer: https://News.example/page?q=1\r\n"))

    assert ["//news.example/page", "//go.example/s"] == picked(row, "last", "url")


def test_cookies_agent_and_language_are_those_of_the_visitor() -> None:
    row = row_of(click(headers="Cookie: vid=v1; sid=s1\r\nAccept-Language: de-AT,de\r\n"
                       "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"
                       " Firefox/140.0\r\n"))

    assert ["v1", "s1", "de-at", "Firefox", "Linux", False] == picked(
        row, "vid", "sid", "culture", "browser", "os", "first")


def test_the_query_of_the_short_url_is_the_events_too() -> None:
    row = row_of(click("/s?utm_source=mail&a=b"))

    assert ["mail", {"a": "b", "link": "go.example/s"}] == picked(row, "source", "params")


@pytest.mark.parametrize("query", ["url=https://x.example/&last=y&ename=z&etyp=w",
                                   "URL=https://x.example/&Last=y&ENAME=z&Etyp=w"])
def test_a_query_cannot_say_otherwise(query: str) -> None:
    row = row_of(click(f"/s?{query}"))

    assert ["short_rdr", "redirect", "/s", "//go.example/s"] == picked(
        row, "ename", "etyp", "last", "url")


def test_a_path_of_a_short_url_holds_no_pairs() -> None:
    assert {"link": "go.example/s"} == row_of(click("/a/b/c/d/vid/x"))["params"]


def test_a_tracked_destination_says_its_own() -> None:
    row = row_of(click(body=b'{"utm_campaign":"c","ename":"hello","link":"go.example/s"}'))

    assert ["c", "hello", ""] == picked(row, "campaign", "ename", "etyp")


def test_clicks_and_other_events_of_one_batch_do_not_mix() -> None:
    found = rows(refine(get("/tr/v1/tr/?ename=a"), click(), get("/tr/v1/tr/?ename=b"),
                        click("/t?q=1")))

    assert ["a", "short_rdr", "b", "short_rdr"] == [row["ename"] for row in found]
    assert ["", "//go.example/s", "", "//go.example/t"] == [row["url"] for row in found]
