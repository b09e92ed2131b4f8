"""What a short URL may be, and where it may lead."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracker.errors import RequestRefused
from tracker.registry.rules import (
    SLUG_BYTES,
    canonical_path,
    destination,
    folded,
    host_of,
    place_of,
    short_url,
)

DOMAINS = frozenset({"shop.example"})


def refused(text: str) -> str:
    """Why a short URL is refused."""
    with pytest.raises(RequestRefused) as error:
        short_url(text)
    assert (400, "link_refused", "urlfrom") == (error.value.status, error.value.code,
                                                error.value.field)
    return error.value.message


def lead(urlto: str, urlfrom: str = "https://go.example/s") -> str:
    return destination(urlto, short_url(urlfrom), DOMAINS, 1).location.decode()


def refused_to(urlto: str, urlfrom: str = "https://go.example/s") -> str:
    """Why a destination is refused."""
    with pytest.raises(RequestRefused) as error:
        lead(urlto, urlfrom)
    assert (400, "link_refused", "urlto") == (error.value.status, error.value.code,
                                              error.value.field)
    return error.value.message


@pytest.mark.parametrize(("text", "host", "slug"), [
    ("https://Example.com/Short", "example.com", "/Short"),
    (" https://example.com/short ", "example.com", "/short"),
    ("https://example.com:8443/a/b", "example.com:8443", "/a/b"),
    ("https://example.com:443/s", "example.com", "/s"),
    ("http://example.com:80/s", "example.com", "/s"),
    ("http://example.com:443/s", "example.com:443", "/s"),
    ("https://example.com./s", "example.com", "/s"),
    ("https://example.com/s?utm_source=x#top", "example.com", "/s"),
    ("https://bücher.example/größe", "xn--bcher-kva.example", "/gr%C3%B6%C3%9Fe"),
    ("https://example.com/%7euser/%c3%bc", "example.com", "/~user/%C3%BC"),
    ("https://example.com/a%2fb", "example.com", "/a%2Fb"),
    ("https://example.com/a b", "example.com", "/a%20b"),
    ("https://example.com/s/", "example.com", "/s/"),
    ("https://[2001:db8::1]:8443/s", "[2001:db8::1]:8443", "/s"),
    ("https://[2001:DB8:0:0::1]/s", "[2001:db8::1]", "/s"),
    ("https://192.0.2.1/s", "192.0.2.1", "/s"),
    ("https://example.com:08443/s", "example.com:8443", "/s"),
    ("http://example.com:0080/s", "example.com", "/s"),
    ("https://faß.example/s", "xn--fa-hia.example", "/s"),
    ("https://\uff45xample\u3002com/s", "example.com", "/s"),
    ("https://example.com/trail", "example.com", "/trail"),
    ("https://example.com/x/tr/v1", "example.com", "/x/tr/v1"),
])
def test_a_short_url_is_a_host_and_a_path(text: str, host: str, slug: str) -> None:
    found = short_url(text)

    assert (host, slug, host + slug) == (found.host, found.slug, found.key)


@pytest.mark.parametrize(("text", "why"), [
    ("", "is empty"),
    ("//evil.example/x", "whole http or https URL"),
    ("/short", "whole http or https URL"),
    ("example.com/short", "whole http or https URL"),
    ("javascript:alert(1)", "whole http or https URL"),
    ("data:text/html,x", "whole http or https URL"),
    ("ftp://example.com/x", "whole http or https URL"),
    ("https://user:secret@example.com/x", "user name"),
    ("https://example.com\\@evil.example/x", "user name"),
    ("https://example.com/a\r\nLocation: https://evil.example", "control characters"),
    ("https://example.com/\x00", "control characters"),
    ("https://example.com/%0d%0aSet-Cookie:a=b", "control characters"),
    ("https://example.com/%00", "control characters"),
    ("https://example.com/\u2028", "control characters"),
    ("https://example.com/", "needs a path"),
    ("https://example.com", "needs a path"),
    ("https://example.com?x=1", "needs a path"),
    ("https://example.com//evil.example", "empty part"),
    ("https://example.com/a//b", "empty part"),
    ("https://example.com/%2f/x", "empty part"),
    ("https://example.com/../x", "away"),
    ("https://example.com/a/%2e%2E/x", "away"),
    ("https://example.com/a\\b", "backslash"),
    ("https://example.com/a%5cb", "backslash"),
    ("https://example.com/%ff", "UTF-8"),
    ("https://example.com:0/x", "valid port"),
    ("https://example.com:99999/x", "valid port"),
    ("https://exa mple.com/x", "valid host"),
    ("https:///x", "valid host"),
    ("https://[:1]/x", "valid host"),
    ("https://127.1/x", "valid host"),
    ("https://0x7f.0.0.1/x", "valid host"),
    ("https://2130706433/x", "valid host"),
    ("https://0177.0.0.1/x", "valid host"),
    ("https://192.0.2.256/x", "valid host"),
    ("https://a.0x/x", "valid host"),
    ("https://[::1/x", "valid host"),
    ("https://" + "a" * 300 + "ü.example/x", "valid host"),
    ("https://example.com/" + "a" * SLUG_BYTES, f"{SLUG_BYTES} bytes"),
    ("https://example.com/" + "a" * (1 << 20), "bytes"),
    ("https://example.com/" + "ü" * 5_000, "bytes"),
    ("https://example.com/tr", "answers itself"),
    ("https://example.com/tr/", "answers itself"),
    ("https://example.com/TR/v1/tr/", "answers itself"),
    ("https://example.com/%74r/v1/x", "answers itself"),
    ("https://example.com/ping", "answers itself"),
    ("https://example.com/health", "answers itself"),
    ("https://example.com/metrics/x", "answers itself"),
    ("https://example.com/status", "answers itself"),
    ("https://example.com/clear", "answers itself"),
    ("https://example.com/.well-known/acme-challenge/x", "answers itself"),
])
def test_what_is_no_short_url_is_refused_with_the_reason(text: str, why: str) -> None:
    assert why in refused(text)


@pytest.mark.parametrize(("urlto", "location"), [
    ("https://Example.com/Long?utm_source=Test", "https://example.com/Long?utm_source=Test"),
    ("http://example.com", "http://example.com"),
    ("https://example.com/x#top", "https://example.com/x#top"),
    ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
    ("https://go.example/other", "https://go.example/other"),
    ("https://example.com/tr/v1/rdr/?utm_source=m&url=https%3A%2F%2Fshop.example%2Fx%3Fa%3Db",
     "https://shop.example/x?a=b"),
    ("https://shop.example/tr/v1/rdr/?URL=https://dest.example/", "https://dest.example/"),
    ("https://shop.example/tr/v1/rdr/", "https://shop.example/tr/v1/rdr/"),
    ("https://example.com/tr/v2/rdr/?url=https://x.example/",
     "https://example.com/tr/v2/rdr/?url=https://x.example/"),
])
def test_a_link_leads_to_web_addresses(urlto: str, location: str) -> None:
    assert location == lead(urlto)


@pytest.mark.parametrize(("urlto", "why"), [
    ("", "is empty"),
    ("//evil.example/x", "whole http or https URL"),
    ("/path", "whole http or https URL"),
    ("javascript:alert(1)", "whole http or https URL"),
    (" javascript:alert(1)", "whole http or https URL"),
    ("data:text/html,<script>", "whole http or https URL"),
    ("vbscript:x", "whole http or https URL"),
    ("https:evil.example", "whole http or https URL"),
    ("https://[:1]/", "valid host"),
    ("https://[1.2.3.4]/", "valid host"),
    ("https://user@evil.example/", "user name"),
    ("https://user:pw@evil.example/", "user name"),
    ("https://example.com\\@evil.example/", "user name"),
    ("https://example.com/\r\nSet-Cookie: a=b", "control characters"),
    ("https://example.com/\n", "https"),
    ("https://example.com/\x7f", "control characters"),
    ("https://example.com/\x85", "control characters"),
    ("https://example.com/" + "a" * (1 << 20), "bytes"),
    ("https://go.example/s", "itself"),
    ("http://GO.example/S?x=1", "itself"),
    ("https://go.example/%73", "itself"),
    ("https://go.example:8443/s", "itself"),
    ("https://go.example/./s", "itself"),
    ("https://go.example/../s", "itself"),
    ("https://go.example/a/%2E%2e/s", "itself"),
    ("https://go.example/a/b/../.././s", "itself"),
    ("https://127.1/s", "valid host"),
    ("https://shop.example/sale", "Domains"),
    ("https://go.example/tr/v1/rdr/?url=javascript:alert(1)", "`url` that"),
    ("https://go.example/tr/v1/rdr/?url=//evil.example", "`url` that"),
    ("https://go.example/tr/v1/rdr/?url=https%3A%2F%2Fa%40evil.example", "`url` that"),
    ("https://go.example/tr/v1/rdr/?url=https%3A%2F%2Fx.example%2F%0D%0Aa", "`url` that"),
    ("https://go.example/tr/v1/rdr/?url=https%3A%2F%2Fgo.example%2Fs", "itself"),
])
def test_what_no_link_may_lead_to_is_refused_with_the_reason(urlto: str, why: str) -> None:
    if urlto.endswith("\n"):  # around a URL it is only space
        assert "https://example.com/" == lead(urlto)
    else:
        assert why in refused_to(urlto)


def test_clicks_of_a_tracked_destination_say_what_it_says_but_nothing_of_their_own() -> None:
    found = destination("https://x.example/tr/v1/rdr/?UTM_Source=mail&ename=hi+there&url="
                        "https%3A%2F%2Fd.example%2F&eid=e&vid=v&sid=s&created=1&time=2&ename=no",
                        short_url("https://go.example/s"), DOMAINS, 1)

    assert {"utm_source": "mail", "ename": "hi there",
            "link": "go.example/s"} == msgspec.json.decode(found.body)
    assert "d.example" == found.host


def test_clicks_of_a_plain_destination_say_what_the_original_says() -> None:
    found = destination("https://x.example/?ename=no", short_url("https://go.example/s"),
                        DOMAINS, 1)

    assert {"etyp": "redirect", "ename": "short_rdr",
            "link": "go.example/s"} == msgspec.json.decode(found.body)


@pytest.mark.parametrize(("text", "host"), [
    ("Example.COM", "example.com"), (" example.com ", "example.com"),
    ("example.com:8443", "example.com:8443"), ("bücher.example", "xn--bcher-kva.example"),
    ("example.com:80", "example.com"), ("faß.example:08443", "xn--fa-hia.example:8443"),
    ("[2001:DB8:0:0::1]:443", "[2001:db8::1]"),
])
def test_hosts_have_one_spelling(text: str, host: str) -> None:
    assert host == host_of(text)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a?b", "user@a", "a\r\nb", "ü" * 300, "a:b",
                                  "\udcff"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(RequestRefused):
        host_of(text)


def test_an_address_is_no_way_back_to_a_link_in_another_spelling() -> None:
    assert "itself" in refused_to("http://[2001:DB8:0::0:1]/s", "http://[2001:db8::1]/s")
    assert "itself" in refused_to("http://faß.example:080/s", "http://xn--fa-hia.example/s")
    assert "https://fass.example/s" == lead("https://fass.example/s", "https://faß.example/s")


T = TypeVar("T")


def tried(make: Callable[..., T], *arguments: object) -> tuple[T | None, str | None]:
    """What was made, or the field that was refused."""
    try:
        return make(*arguments), None
    except RequestRefused as error:
        return None, error.field


PATHS = st.text(st.characters(codec="utf-8"), max_size=40).map(lambda text: "/" + text)


@given(st.binary(max_size=80))
@example(b"/%4%44c")
def test_a_path_has_one_spelling(raw: bytes) -> None:
    once = canonical_path(raw)

    assert once == canonical_path(once.encode())
    assert once.isascii()
    assert not set(once) & set(" \r\n\t\\\"<>")


@given(PATHS)
def test_however_a_path_is_escaped_it_is_the_same_short_url(path: str) -> None:
    try:
        made = short_url("https://go.example" + quote(path, safe="/"))
    except RequestRefused:
        return
    everything = "/" + "".join(f"%{byte:02x}" if chr(byte) != "/" else "/"
                               for byte in path[1:].encode())
    assert folded(made.slug) == folded(canonical_path(everything.encode()))


@given(st.text(max_size=60))
def test_any_text_is_a_short_url_or_refused(text: str) -> None:
    for made in (text, "https://go.example/" + text, "https://" + text):
        found, field = tried(short_url, made)
        if found is None:
            assert "urlfrom" == field
        else:
            assert found == short_url(found.url)
            assert found.host.isascii()
            assert found.host == found.host.lower()


@given(st.text(max_size=60))
def test_any_text_is_a_destination_as_browsers_read_it_or_refused(text: str) -> None:
    for made in (text, "https://d.example/" + text, "https://" + text,
                 "https://x.example/tr/v1/rdr/?url=" + quote(text)):
        found, field = tried(destination, made, short_url("https://go.example/s"), DOMAINS, 1)
        if found is None:
            assert "urlto" == field
        else:
            parts = urlsplit(found.location.decode("ascii"))
            assert parts.scheme in ("http", "https")
            assert found.host == f"[{parts.hostname}]" if ":" in (parts.hostname or "") \
                else found.host == parts.hostname
            assert parts.username is None
            place = place_of(found.location)
            assert place is not None
            assert ("go.example", "/s") != place
