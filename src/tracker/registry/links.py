"""Short URLs in the registry: made, changed, deleted, listed, clicked; for the one who writes."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypedDict
from urllib.parse import urlsplit

import msgspec

from tracker.errors import RequestRefused
from tracker.registry.calls import UNSET, Wish
from tracker.registry.rules import (
    Destination,
    ShortUrl,
    destination,
    place_of,
    short_url,
    without_port,
)

MOST_AT_ONCE: Final = 10_000
_TEXT_BYTES: Final = 200
_MOST_TOLD: Final = 100  # of what is wrong with several
_LISTED_BYTES: Final = 4 << 20  # of the addresses in one list

_COLUMNS: Final = ("host, slug, urlfrom, urlto, pass_query, expires, max_clicks, clicks, oid, org,"
                   " updater, created, updated")


class ShortLink(TypedDict):
    """A link as clients see it. `clicks` are counted where they are limited; null is no limit."""

    urlfrom: str
    hostfrom: str
    slugfrom: str
    urlto: str
    hostto: str
    pathto: str
    searchto: str
    oid: str
    org: str
    pass_query: bool
    expires: str | None
    max_clicks: int | None
    clicks: int | None
    updater: str
    created_at: str
    updated_at: str


class SomeRefused(RequestRefused):
    """Of several links none was taken; `rejected` says of each bad one why."""

    def __init__(self, rejected: list[dict[str, Any]], total: int) -> None:
        first = rejected[0]
        super().__init__(400, first["code"], f"None of the {total} links was taken, as some cannot"
                         f" be; the first: {first['message']}", first["field"])
        self.rejected = rejected[:_MOST_TOLD]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes links: an account, and the hosts it may; none are all."""

    uid: str
    hosts: frozenset[str]

    def may(self, host: str) -> bool:
        """Whether links of this host (with or without port) are the account's."""
        return not self.hosts or host in self.hosts or without_port(host) in self.hosts


class Links:
    """The table of links. Every method works within a transaction of the caller's.

    `new_id` makes the id of a change, by which its row in SQL is known.
    """

    def __init__(self, database: sqlite3.Connection, domains: frozenset[str], api_version: int,
                 new_id: Callable[[], bytes]) -> None:
        self._database = database
        self._domains = domains
        self._api_version = api_version
        self._new_id = new_id

    def put(self, wishes: Sequence[Wish], actor: Actor, host: str, now: int, *,
            change: bool) -> tuple[list[ShortLink], bool]:
        """Make or replace each link, or change it; gives back the links, and whether one is new.

        Raises `RequestRefused`; of several `SomeRefused`. Then the caller must roll back.
        """
        if not wishes:
            raise RequestRefused(400, "empty_batch", "There is no link in the body.")
        if len(wishes) > MOST_AT_ONCE:
            raise RequestRefused(413, "too_many_links",
                                 f"At most {MOST_AT_ONCE} links are taken at once.")
        links, rejected, new = [], [], False
        for index, wish in enumerate(wishes):
            try:
                link, made = self._put(wish, actor, host, now, change=change)
            except RequestRefused as error:
                if len(wishes) == 1:
                    raise
                rejected.append({"index": index, "code": error.code, "message": error.message,
                                 "field": error.field})
            else:
                links.append(link)
                new = new or made
        if rejected:
            raise SomeRefused(rejected, len(wishes))
        return links, new

    def _put(self, wish: Wish, actor: Actor, host: str, now: int, *,
             change: bool) -> tuple[ShortLink, bool]:
        source = short_url(wish.urlfrom)
        _hold_host(source, actor, host)
        old = self._row(source)
        if old is None and change:
            raise _missing(source)
        before = old if change and old is not None else _BLANK
        urlto = before["urlto"] if wish.urlto is UNSET else wish.urlto
        if not urlto:
            raise RequestRefused(400, "link_refused", "`urlto` is missing.", "urlto")
        target = destination(urlto, source, self._domains, self._api_version)
        self._hold_chain(target)
        row = {
            "host": source.host, "slug": source.slug, "folded": source.folded,
            "urlfrom": source.url, "urlto": target.url, "location": target.location,
            "leads": target.host, "body": target.body,
            "pass_query": int(before["pass_query"] if wish.pass_query is UNSET
                              else wish.pass_query),
            "expires": before["expires"] if wish.expires is UNSET else moment(wish.expires),
            "max_clicks": _limit(before["max_clicks"] if wish.max_clicks is UNSET
                                 else wish.max_clicks),
            "clicks": 0 if old is None else old["clicks"],
            "oid": before["oid"] if wish.oid is UNSET else _short(wish.oid, "oid"),
            "org": before["org"] if wish.org is UNSET else _short(wish.org, "org"),
            "updater": actor.uid, "created": now if old is None else old["created"],
            "updated": now, "deleted": 0,
        }
        self._write(row)
        told = describe(row)
        self._note(told, source, now, deleted=False)
        return told, old is None

    def _hold_chain(self, target: Destination) -> None:
        """No link leads to a link: so none can lead in a circle."""
        place = place_of(target.location)
        if place is None:
            return
        host, low = place
        found = self._database.execute(
            "SELECT urlfrom FROM links WHERE host IN (?, ?) AND folded = ? AND NOT deleted",
            (host, without_port(host), low)).fetchone()
        if found is not None:
            raise RequestRefused(400, "link_refused", "`urlto` leads to another short URL,"
                                 f" {found[0]}; name the place that one leads to.", "urlto")

    def drop(self, urlfrom: str, actor: Actor, now: int) -> ShortLink:
        """Delete a link, and give back what it was."""
        source = short_url(urlfrom)
        _hold_host(source, actor, "")
        old = self._row(source)
        if old is None:
            raise _missing(source)
        self._database.execute(
            "UPDATE links SET deleted = 1, clicks = 0, updated = ?, updater = ?, change = ?"
            " WHERE host = ? AND slug = ?",
            (now, actor.uid, self._next_change(), source.host, source.slug))
        told: ShortLink = {**describe(old), "updater": actor.uid, "updated_at": text_of(now)}
        self._note(told, source, now, deleted=True)
        return told

    def find(self, urlfrom: str, actor: Actor) -> ShortLink:
        """One link."""
        source = short_url(urlfrom)
        _hold_host(source, actor, "")
        row = self._row(source)
        if row is None:
            raise _missing(source)
        return describe(row)

    def of_host(self, host: str, actor: Actor, after: str, most: int) -> list[ShortLink]:
        """The links of a host in the order of their slugs, those behind `after`.

        At most `most`, and fewer where they are long.
        """
        if not actor.may(host):
            raise _foreign(host)
        rows = self._select(
            "host = ? AND slug > ? AND NOT deleted ORDER BY slug LIMIT ?", (host, after, most))
        told: list[ShortLink] = []
        size = 0
        for row in rows:
            size += len(row["urlto"]) + len(row["urlfrom"])
            if told and size > _LISTED_BYTES:
                break
            told.append(describe(row))
        return told

    def click(self, host: str, slug: str, now: int, *, count: bool) -> bool:
        """Whether one more click is free, which with `count` is taken; None left is False."""
        free = ("host = ? AND slug = ? AND NOT deleted AND (expires IS NULL OR expires > ?)"
                " AND (max_clicks IS NULL OR clicks < max_clicks)")
        if not count:
            return self._database.execute(f"SELECT 1 FROM links WHERE {free}",  # noqa: S608 - our own text
                                          (host, slug, now)).fetchone() is not None
        return self._database.execute(f"UPDATE links SET clicks = clicks + 1 WHERE {free}",  # noqa: S608 - our own text
                                      (host, slug, now)).rowcount == 1

    def _row(self, source: ShortUrl) -> dict[str, Any] | None:
        return next(self._select("host = ? AND slug = ? AND NOT deleted",
                                 (source.host, source.slug)), None)

    def _select(self, where: str, values: tuple[object, ...]) -> Iterator[dict[str, Any]]:
        found = self._database.execute(f"SELECT {_COLUMNS} FROM links WHERE {where}", values)  # noqa: S608 - our own text
        names = [column[0] for column in found.description]
        return (dict(zip(names, row, strict=True)) for row in found)

    def _write(self, row: dict[str, Any]) -> None:
        named = {**row, "change": self._next_change()}
        self._database.execute(
            f"INSERT OR REPLACE INTO links ({', '.join(named)})"  # noqa: S608 - our own names
            f" VALUES ({', '.join(':' + name for name in named)})", named)

    def _next_change(self) -> int:
        newest = self._database.execute("SELECT max(change) FROM links").fetchone()[0]
        return (newest or 0) + 1

    def _note(self, told: ShortLink, source: ShortUrl, now: int, *, deleted: bool) -> None:
        """Leave the change for the rows in SQL: it goes out when the spool has it."""
        content = msgspec.json.encode({**told, "key": source.key, "deleted": deleted})
        self._database.execute("INSERT INTO outbox (eid, moment, content) VALUES (?, ?, ?)",
                               (self._new_id(), now, content))


_BLANK: Final[dict[str, Any]] = {"urlto": "", "pass_query": False, "expires": None,
                                 "max_clicks": None, "oid": "", "org": ""}


def describe(row: dict[str, Any]) -> ShortLink:
    """A link as clients see it."""
    target = urlsplit(row["urlto"])
    return {
        "urlfrom": row["urlfrom"], "hostfrom": row["host"], "slugfrom": row["slug"],
        "urlto": row["urlto"], "hostto": target.netloc, "pathto": target.path,
        "searchto": "?" + target.query if target.query else "", "oid": row["oid"],
        "org": row["org"], "pass_query": bool(row["pass_query"]),
        "expires": None if row["expires"] is None else text_of(row["expires"]),
        "max_clicks": row["max_clicks"],
        "clicks": None if row["max_clicks"] is None else row["clicks"],
        "updater": row["updater"], "created_at": text_of(row["created"]),
        "updated_at": text_of(row["updated"]),
    }


def text_of(milliseconds: int) -> str:
    """A moment as it is written in answers."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: str | int | None, field: str = "expires") -> int | None:
    """Milliseconds since 1970 of an ISO 8601 text, or of such a number; None is never.

    Raises `RequestRefused`.
    """
    if value is None or value == "":
        return None
    try:
        milliseconds = value if isinstance(value, int) else _milliseconds(value)
        text_of(milliseconds)  # a zone can lead out of the years that there are
    except (ValueError, OverflowError, OSError):
        raise RequestRefused(400, "link_refused", f"`{field}` is no time; write"
                             " 2026-12-31T23:59:59Z, or milliseconds since 1970.", field) from None
    return milliseconds


def _milliseconds(text: str) -> int:
    found = datetime.fromisoformat(text)
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    return int(found.timestamp() * 1000)


def _limit(value: int | None) -> int | None:
    if value is not None and not 0 < value < 1 << 53:
        raise RequestRefused(400, "link_refused", "`max_clicks` must be 1 or more, or null.",
                             "max_clicks")
    return value


def _short(text: str, field: str) -> str:
    if len(text.encode("utf-8", "replace")) > _TEXT_BYTES:
        raise RequestRefused(400, "link_refused", f"`{field}` may have {_TEXT_BYTES} bytes.", field)
    return text


def _hold_host(source: ShortUrl, actor: Actor, host: str) -> None:
    if host and host not in (source.host, without_port(source.host)):
        raise RequestRefused(400, "link_refused", f"`urlfrom` is at {source.host}, but the path"
                             f" names {host}; make them equal.", "urlfrom")
    if not actor.may(source.host):
        raise _foreign(source.host)


def _foreign(host: str) -> RequestRefused:
    return RequestRefused(403, "forbidden", f"This account may not use the host {host}.", "host")


def _missing(source: ShortUrl) -> RequestRefused:
    return RequestRefused(404, "link_not_found", f"There is no short URL {source.url}.", "urlfrom")
