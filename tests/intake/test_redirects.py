"""Redirects lead where the configuration allows, and browsers read them as we do."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake import Client
from tracker.errors import ConfigError
from tracker.intake.redirect import Redirects
from tracker.settings import IntakeSettings

SETTINGS = IntakeSettings(domains=("shop.example", "localhost", "Bücher.example", "faß.example"),
                          default_redirect="https://home.example/start?a=b")


@pytest.fixture(params=["rdr", "xrdr"])
def route(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(("url", "location"), [
    ("https://shop.example/", "https://shop.example/"),
    ("http://shop.example", "http://shop.example"),
    ("HTTPS://Shop.Example/Path?Q=A#F", "https://shop.example/Path?Q=A#F"),
    ("https://shop.example:8443/x", "https://shop.example:8443/x"),
    ("https://shop.example./x", "https://shop.example/x"),
    ("http://localhost:3000/a", "http://localhost:3000/a"),
    ("https://home.example/other", "https://home.example/other"),
    ("https://shop.example?x=1", "https://shop.example?x=1"),
    ("https://shop.example/a b/ü?q=<\">", "https://shop.example/a%20b/%C3%BC?q=%3C%22%3E"),
    ("https://shop.example/%2Fa%20b?u=%26", "https://shop.example/%2Fa%20b?u=%26"),
    ("https://shop.example/\\x", "https://shop.example/%5Cx"),
    ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
    ("https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x"),
    ("https://faß.example/x", "https://xn--fa-hia.example/x"),
    (" https://shop.example/ ", "https://shop.example/"),
])
def test_allowed_places_are_reached(route: str, url: str, location: str) -> None:
    for target in (f"/tr/v1/{route}/?url={quote(url, safe='')}&utm_source=x",
                   f"/tr/v1/{route}/url/{quote(url, safe='')}/"):
        outcome = Client(SETTINGS).get(target)
        assert (302, location) == (outcome.status, outcome.headers["location"])
        assert outcome.hit is not None
        assert "no-store" == outcome.headers["cache-control"]


@pytest.mark.parametrize("url", [
    "https://evil.example/", "https://shop.example.evil.example/", "https://evilshop.example/",
    "https://shop.example@evil.example/", "https://user:pw@shop.example/", "javascript:alert(1)",
    "data:text/html,x", "ftp://shop.example/", "//shop.example/", "/path", "shop.example",
    "https:/shop.example/", "https:shop.example", "https:///shop.example", "https://",
    "https://shop.example\\@evil.example/", "https://evil.example\\.shop.example/",
    "https://evil.example#@shop.example/", "https://evil.example?.shop.example",
    "https://shop.example\r\nSet-Cookie: a=b", "https://shop.example/\x00", "https://shop.example/\n",
    "\thttps://shop.example/", "https://shop%2eexample/", "https://shop.example:port/",
    "https://shop.example:1:2/", "https://[::1]/", "https://shop.example /", "https://shop..example",
    "https://\u3002shop.example/", "https://evil.example\uff0fshop.example/", "https://shop_example/",
    "https://" + "a" * 300 + ".example/", "https://fass.example/",
])
def test_all_other_places_are_refused(route: str, url: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        outcome = Client(SETTINGS).send(
            method, f"/tr/v1/{route}/?url={quote(url, safe='')}", b'{"a":1}')
        assert 400 == outcome.status
        assert outcome.hit is None
        if method != "HEAD":
            assert "redirect_refused" == outcome.error
            assert "url" == outcome.json["error"]["field"]


def test_the_refusal_names_the_setting(route: str) -> None:
    outcome = Client(SETTINGS).get(f"/tr/v1/{route}/?url=https://evil.example/")
    assert "Domains" in outcome.json["error"]["message"]
    outcome = Client().get(f"/tr/v1/{route}/")
    assert (400, "redirect_refused") == (outcome.status, outcome.error)
    assert "DefaultRedirect" in outcome.json["error"]["message"]


@pytest.mark.parametrize("target", ["/", "/?url=", "/?x=1", "/vid/1"])
def test_without_a_url_it_leads_home(route: str, target: str) -> None:
    outcome = Client(SETTINGS).get(f"/tr/v1/{route}{target}")
    assert "https://home.example/start?a=b" == outcome.headers["location"]


def test_the_first_url_of_the_query_counts(route: str) -> None:
    target = f"/tr/v1/{route}/url/x?url=https://shop.example/1&url=https://shop.example/2"
    assert "https://shop.example/1" == Client(SETTINGS).get(target).headers["location"]


def test_head_is_led_on_without_an_event(route: str) -> None:
    outcome = Client(SETTINGS).send("HEAD", f"/tr/v1/{route}/?url=https://shop.example/1")
    assert (302, "https://shop.example/1") == (outcome.status, outcome.headers["location"])
    assert outcome.hit is None


@pytest.mark.parametrize("default", ["javascript:x", "home", "https://a@b/", "https://"])
def test_a_default_that_leads_nowhere_is_a_fault_of_the_configuration(default: str) -> None:
    with pytest.raises(ConfigError, match="DefaultRedirect"):
        Redirects((), default)


@given(st.text(alphabet="htps:/\\@.#?%[]aé\u3002\uff0f \r\n\x00shop.example", max_size=40))
def test_whatever_is_sent_the_location_is_ascii_and_leads_to_an_allowed_host(rest: str) -> None:
    for url in (rest, f"https://{rest}", f"https://shop.example{rest}"):
        outcome = Client(SETTINGS).get(f"/tr/v1/rdr/?url={quote(url, safe='')}")
        assert outcome.status in {302, 400}
        if outcome.status == 302:
            location = outcome.headers["location"]
            assert location.isascii()
            assert location.isprintable()
            parts = urlsplit(location)
            assert parts.scheme in {"http", "https"}
            assert parts.hostname in {"shop.example", "home.example", "localhost",
                                      "xn--bcher-kva.example"}
            assert "\\" not in location
            assert "@" not in parts.netloc
