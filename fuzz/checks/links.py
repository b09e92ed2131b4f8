"""Short URLs and the bodies that ask for them, as the registry and the pages read them."""

import re
from urllib.parse import urlsplit

from tracker.errors import RequestRefused
from tracker.registry.rules import canonical_path, destination, folded, place_of, short_url
from tracker.web.loads import read_many, read_one

_BREAK = re.compile(rb"[\x00-\x20\x7f-\xff<>\"\\]")
_SOURCE = short_url("https://go.example/s")


def check_urls(data: bytes) -> None:
    """A short URL has one spelling; no link leads to itself or to what a browser reads else."""
    text = data.decode("utf-8", "replace")
    try:
        found = short_url(text)
    except RequestRefused as error:
        assert (error.status, error.field) == (400, "urlfrom")
    else:
        assert found == short_url(found.url)
        assert found.slug == canonical_path(found.slug.encode())
        assert found.folded == folded(found.slug)
    try:
        target = destination(text, _SOURCE, frozenset({"shop.example"}), 1)
    except RequestRefused as error:
        assert (error.status, error.field) == (400, "urlto")
    else:
        assert _BREAK.search(target.location) is None
        assert urlsplit(target.location.decode()).scheme in {"http", "https"}
        assert place_of(target.location) != ("go.example", "/s")


def check_loads(data: bytes) -> None:
    """Any body is links, or refused with the reason."""
    for kind in ("application/json", "text/csv"):
        try:
            read_many(data, kind)
        except RequestRefused as error:
            assert error.status == 400
    try:
        read_one(data)
    except RequestRefused as error:
        assert error.status == 400
