"""The short URLs as a worker has them in memory: looked up at every request, without a database."""

import re
import sqlite3
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from tracker.registry.database import open_reader
from tracker.registry.mark import Mark
from tracker.registry.rules import canonical_path, folded
from tracker.weburl import safe

_HOST = re.compile(rb"(?i)\nhost[ \t]*:[ \t]*([^\r\n]*)").search
_CHANGED = """SELECT host, slug, folded, location, leads, body, pass_query, expires, max_clicks,
    deleted, change FROM links WHERE change > ? ORDER BY change"""
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ANY = "\n"  # no Host: stands for all, for who tries a link at this machine itself
_LONGEST = 4_000  # bytes of a raw path; a slug has 1,000, each perhaps written as an escape


class Link(NamedTuple):
    """One short URL.

    `location`    where it leads, fit for a header
    `body`        what each click says, as JSON
    `pass_query`  the query of the short URL is handed on
    `expires`     milliseconds since 1970, or None
    `limited`     only so many clicks, which the store process counts
    """

    host: str
    slug: str
    location: bytes
    leads: str
    body: bytes
    pass_query: bool
    expires: int | None
    limited: bool

    def to(self, query: bytes) -> bytes:
        """Where a request with this raw query is sent."""
        if not self.pass_query or not query:
            return self.location
        place, mark, fragment = self.location.partition(b"#")
        return place + (b"&" if b"?" in place else b"?") + safe(query) + mark + fragment


class Links(Protocol):
    """What the way of a request needs of the registry."""

    def find(self, target: bytes, head: bytes) -> Link | None:
        """The link of a raw target under the Host that `head` names, or None."""

    def leads_to(self, host: str) -> bool:
        """Whether a link leads to this host."""


class NoLinks:
    """A registry without links."""

    def find(self, target: bytes, head: bytes) -> Link | None:  # noqa: ARG002 - as a book has it
        """None."""
        return None

    def leads_to(self, host: str) -> bool:  # noqa: ARG002 - as a book has it
        """False."""
        return False


class Book:
    """All links of a registry, as fresh as the mark says."""

    def __init__(self, path: Path, mark: Mark) -> None:
        self._path = path
        self._mark = mark
        self._seen = -1  # so that the first look reads
        self._change = -1
        self._reader: sqlite3.Connection | None = None
        self._links: dict[bytes, Link] = {}
        self._folded: dict[tuple[str, str], list[Link]] = {}
        self._leads: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._links)

    def find(self, target: bytes, head: bytes) -> Link | None:
        """The link of a raw target under the Host that `head` names, or None.

        `head` is any text that holds the header lines. An exact slug wins, else one that is alone
        in being the same without case. A link without a port answers at every port. At `localhost`
        the links of all hosts can be tried, where a slug is alone.
        """
        self.look()
        if not self._links:
            return None
        found = _HOST(head)
        if found is None:
            return None
        host = found[1].rstrip().lower()
        path = target.partition(b"?")[0]
        link = self._links.get(host + path)
        if link is not None:
            return link
        return self._find_long(host, path)

    def _find_long(self, host: bytes, path: bytes) -> Link | None:
        if len(path) > _LONGEST or len(host) > _LONGEST or not path.startswith(b"/"):
            return None
        slug = canonical_path(path)
        names = _names(host)
        for name in names:
            link = self._links.get(f"{name}{slug}".encode())
            if link is not None:
                return link
        low = folded(slug)
        for name in names:
            links = self._folded.get((name, low), ())
            if links:
                return links[0] if len(links) == 1 else None
        return None

    def leads_to(self, host: str) -> bool:
        """Whether a link leads to this host."""
        self.look()
        return host in self._leads

    def look(self) -> None:
        """Take over what has changed, if anything has."""
        if self._mark.read() != self._seen:
            self.refresh()

    def refresh(self) -> None:
        """Take over what has changed since the last time; a registry not made yet is empty."""
        seen = self._mark.read()
        try:
            for row in self._changed():
                self._take(*row)
        except sqlite3.Error:  # it is being made, or is damaged: the store process says so
            self._close()
            return
        self._seen = seen

    def _changed(self) -> list[tuple[object, ...]]:
        if self._reader is None:
            if not self._path.exists():
                return []
            self._reader = open_reader(self._path)
        return self._reader.execute(_CHANGED, (self._change,)).fetchall()

    def _take(self, *row: object) -> None:
        host, slug, low, location, leads, body, pass_query, expires, most, deleted, change = row
        assert isinstance(host, str)
        assert isinstance(slug, str)
        assert isinstance(low, str)
        assert isinstance(change, int)
        key = f"{host}{slug}".encode()
        old = self._links.pop(key, None)
        if old is not None:
            self._forget(old, low)
        if not deleted:
            link = Link(host, slug, location, leads, body, bool(pass_query), expires,  # type: ignore[arg-type]  # columns are strict
                        most is not None)
            self._links[key] = link
            for name in (host, _ANY):
                self._folded.setdefault((name, low), []).append(link)
            self._leads[link.leads] += 1
        self._change = change

    def _forget(self, link: Link, low: str) -> None:
        for name in (link.host, _ANY):
            links = self._folded[name, low]
            links.remove(link)
            if not links:
                del self._folded[name, low]
        self._leads[link.leads] -= 1
        if not self._leads[link.leads]:
            del self._leads[link.leads]

    def _close(self) -> None:
        if self._reader is not None:
            with suppress(sqlite3.Error):
                self._reader.close()
            self._reader = None

    def close(self) -> None:
        """Read no more."""
        self._close()


def _names(host: bytes) -> list[str]:
    """The host as links may be registered under: as it came, then without port and last dot."""
    text = host.decode("latin-1")
    if text.startswith("["):
        name, bracket, port = text.partition("]")
        name += bracket
    else:
        name, colon, port = text.partition(":")
        port = colon + port
    name = name.rstrip(".")
    names = [name + port, name] if port else [name]
    return [*names, _ANY] if name in _LOCAL else names
