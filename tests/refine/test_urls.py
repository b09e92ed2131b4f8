import re

import pytest

from harness.refining import event_of, get, row_of
from tracker.refine.urls import Urls
from tracker.settings import RefineSettings

SAMPLE = re.compile(
    r"http(s|)://(api|tr|dev|spark|superset|jupyter|msgxc)(\.staging\.|\.|)"
    r"(valid9\.com|sfpl\.io|localhost)(:[0-9]*|)(/[^\?#]*)(\?|#|)")
OFF = RefineSettings()
ON = RefineSettings(url_filter=SAMPLE, url_filter_group=6)

TABLE = [
    ("https://dev.sfpl.io/a/b?x=1#y", "/a/b", "//dev.sfpl.io/a/b"),
    ("https://dev.sfpl.io:8443/a/b", "/a/b", "//dev.sfpl.io:8443/a/b"),
    ("https://other.com/a/b?x=1", "//other.com/a/b", "//other.com/a/b"),
    ("/registrieren", "/registrieren", "/registrieren"),
    ("https://dev.sfpl.io", "//dev.sfpl.io", "//dev.sfpl.io"),
    ("http://example.com/p?q=https://z.com/", "//example.com/p", "//example.com/p"),
    ("https://example.com/p#frag?x", "//example.com/p#frag", "//example.com/p#frag"),
    ("HTTPS://Example.COM/Path/Case", "//example.com/Path/Case", "//example.com/Path/Case"),
    ("https://example.com/?q=https://dev.sfpl.io/a", "//example.com/", "//example.com/"),
    ("https://user:secret@example.com/p", "//example.com/p", "//example.com/p"),
    ("https://example.com?x", "//example.com", "//example.com"),
    ("https://example.com#top", "//example.com#top", "//example.com#top"),
    ("android-app://com.example/x?y", "android-app://com.example/x", "android-app://com.example/x"),
    ("Settings screen", "Settings screen", "Settings screen"),
    ("", "", ""),
]


@pytest.mark.parametrize(("url", "on", "off"), TABLE)
def test_urls_are_cut_as_configured(url: str, on: str, off: str) -> None:
    assert on == Urls(ON).clean(url)
    assert off == Urls(OFF).clean(url)


def test_group_zero_is_the_last_one() -> None:
    settings = RefineSettings(url_filter=re.compile(r"https?://sfpl\.io(/[^?]*)"))

    assert "/a" == Urls(settings).clean("https://sfpl.io/a?b")


def test_both_pages_of_an_event_are_cut() -> None:
    row = event_of({"url": "https://A.com/X?y=1", "last": "https://b.com/#/z"})

    assert ("//a.com/X", "//b.com/#/z") == (row["url"], row["last"])


def test_a_hit_without_url_has_none() -> None:
    assert "" == row_of(get("/tr/v1/tr/ename/x"))["url"]
