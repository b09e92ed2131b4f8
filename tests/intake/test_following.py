"""A short URL at the intake: its click is a hit, its answer leads on."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.intake import NOW, TAIL, Client, Outcome
from harness.registry import Registry
from tracker.hit import Route, Shape
from tracker.intake import Intake, Request
from tracker.settings import IntakeSettings


class Clicks(Client):
    """Clicks at `go.example`."""

    def __init__(self, registry: Registry, links: object, settings: IntakeSettings) -> None:
        self.now = NOW
        self.registry = registry
        self.intake = Intake(settings, TAIL, lambda: self.now, links)  # type: ignore[arg-type]  # a book

    def click(self, target: str = "/s", method: str = "GET", host: str = "go.example",
              **headers: str) -> Outcome:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}",
                 *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        head = "\r\n".join(lines).encode() + b"\r\n"
        return self.pass_on(Request(method.encode(), target.encode(), head, b"", "192.0.2.1",
                                    False))


@pytest.fixture
def clicks(tmp_path: Path) -> Iterator[Clicks]:
    registry = Registry(tmp_path)
    with closing(registry.book()) as book:
        yield Clicks(registry, book, IntakeSettings())
    registry.close()


def test_a_click_is_a_hit_and_is_sent_on(clicks: Clicks) -> None:
    clicks.registry.put("https://go.example/s", "https://d.example/x?utm_source=m")
    outcome = clicks.click("/s?a=b", referer="https://r.example/", authorization="Bearer x",
                           cookie="vid=v1; theme=dark")

    assert (302, "https://d.example/x?utm_source=m", "no-store") == (
        outcome.status, outcome.headers["location"], outcome.headers["cache-control"])
    assert outcome.hit is not None
    hit = outcome.hit
    assert (Route.SHORT, Shape.OBJECT, 1) == (hit.route, hit.shape, hit.events)
    assert b'{"etyp":"redirect","ename":"short_rdr","link":"go.example/s"}' == hit.body
    assert b"referer: https://r.example/" in hit.head
    assert b"Bearer" not in hit.head
    assert b"dark" not in hit.head
    assert "192.0.2.1" == hit.address


def test_a_visitor_without_cookies_gets_them(clicks: Clicks) -> None:
    clicks.registry.put("https://go.example/s")

    assert {"vid", "sid"} == set(clicks.click().cookies)
    assert {"sid"} == set(clicks.click(cookie="vid=v1").cookies)


@pytest.mark.parametrize(("urlto", "query", "location"), [
    ("https://d.example/", "a=b", "https://d.example/?a=b"),
    ("https://d.example/x?c=d", "a=b&e", "https://d.example/x?c=d&a=b&e"),
    ("https://d.example/x?c=d#top", "a=b", "https://d.example/x?c=d&a=b#top"),
    ("https://d.example/", "", "https://d.example/"),
    ("https://d.example/", 'u="<>\\', "https://d.example/?u=%22%3C%3E%5C"),
    ("https://d.example", "x=//e.example", "https://d.example?x=//e.example"),
])
def test_a_query_is_handed_on_where_the_link_says_so(clicks: Clicks, urlto: str, query: str,
                                                     location: str) -> None:
    clicks.registry.put("https://go.example/s", urlto, pass_query=True)
    clicks.registry.put("https://go.example/t", urlto)

    assert location == clicks.click("/s?" + query).headers["location"]
    assert urlto == clicks.click("/t?" + query).headers["location"]


def test_an_expired_link_is_gone_and_leaves_no_hit(clicks: Clicks) -> None:
    clicks.registry.put("https://go.example/s", expires=NOW // 1_000_000 + 60_000)

    assert 302 == clicks.click().status
    clicks.now += 60 * 10**9
    for method in ("GET", "HEAD", "POST"):
        outcome = clicks.click(method=method)
        assert 410 == outcome.status
        assert outcome.hit is None
    assert "link_expired" == clicks.click().error


def test_head_and_options_leave_no_hit(clicks: Clicks) -> None:
    clicks.registry.put("https://go.example/s")

    head = clicks.click(method="HEAD")
    assert (302, "https://example.com/there", None) == (
        head.status, head.headers["location"], head.hit)
    assert (200, None) == (clicks.click(method="OPTIONS").status, clicks.click("/none").hit)


def test_what_is_no_link_is_not_found(clicks: Clicks) -> None:
    clicks.registry.put("https://go.example/s")

    for target, host in (("/none", "go.example"), ("/s", "other.example"), ("/", "go.example")):
        outcome = clicks.click(target, host=host)
        assert (404, "not_found") == (outcome.status, outcome.error)


def test_other_methods_are_refused(clicks: Clicks) -> None:
    clicks.registry.put("https://go.example/s")

    assert "method_not_allowed" == clicks.click(method="DELETE").error


def test_too_many_values_are_refused(clicks: Clicks) -> None:
    clicks.registry.put("https://go.example/s")

    assert "too_many_keys" == clicks.click("/s?" + "a&" * 3_000).error


def test_redirects_lead_to_hosts_that_links_lead_to(clicks: Clicks) -> None:
    target = "/tr/v1/rdr/?url=https://d.example/other"
    assert "redirect_refused" == clicks.click(target).error
    clicks.registry.put("https://go.example/s", "https://d.example/")
    assert 302 == clicks.click(target).status
    assert "redirect_refused" == clicks.click(target.replace("d.ex", "e.ex")).error
    clicks.registry.put("https://go.example/s", "https://e.example/")
    assert "redirect_refused" == clicks.click(target).error
