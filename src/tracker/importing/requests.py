"""Requests in an access log as events: pages seen, files fetched, errors met."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tracker.importing.accesslog import Entry, Format
from tracker.importing.event import Event, NoEvent
from tracker.importing.visitors import Visitors
from tracker.intake.address import canonical

_ASSETS = frozenset({
    "css", "js", "map", "png", "jpg", "jpeg", "gif", "ico", "svg", "bmp", "webp", "avif", "woff",
    "woff2", "ttf", "eot", "otf", "swf"})
_MOVED = frozenset({301, 302, 303, 307, 308})
_UTM = {f"utm_{name}": name for name in ("source", "medium", "campaign", "content", "term")}
_FIELDS = 100
_ADDRESSES = 100_000

_encode = msgspec.json.Encoder().encode


class Requests:
    """Makes events of lines.

    `host` stands for that of the site, `always` in every event; `with_address` is false where the
    log has another's address than the visitor's.
    """

    def __init__(self, lines: Format, visitors: Visitors, host: str, always: Mapping[str, Any],
                 *, with_address: bool) -> None:
        self._lines = lines
        self._visitors = visitors
        self._host = host
        self._site = f"https://{host}" if host else ""
        self._always = always
        self._with_address = with_address
        self._canonical = lru_cache(_ADDRESSES)(canonical)

    def read(self, line: bytes, number: int) -> Event | NoEvent:
        """The event in a line."""
        entry = self._lines.read(line)
        if isinstance(entry, NoEvent):
            return entry
        vid, sid, first = self._visitors.of(entry.host, entry.agent, entry.seconds)
        kind = kind_of(entry)
        target = entry.target
        params: dict[str, Any] = {"line": number, "method": entry.method, "status": entry.status,
                                  "bytes": entry.size}
        event: dict[str, Any] = {
            "vid": vid, "sid": sid, "first": first, "etyp": kind,
            "ename": "viewed_page" if kind == "view" else f"{kind}_hit",
            "url": target if "://" in target else self._site + target,
            "created": entry.seconds * 1000, "app": "weblog", **self._always, "params": params}
        if entry.referrer:
            event["last"] = entry.referrer
        if entry.user:
            event["uname"] = entry.user
        if "utm_" in target:
            event.update(campaign_of(target))
        address = self._canonical(entry.host) if self._with_address else ""
        if not address and self._with_address:
            params["client"] = entry.host
        return Event(entry.seconds * 10**9, address, False, self._host, entry.agent,
                     _encode(event))


def kind_of(entry: Entry) -> str:
    """error, redirect, other, asset or view, the first that fits."""
    if entry.status >= 400:
        return "error"
    if entry.status in _MOVED:
        return "redirect"
    if entry.method != "GET":
        return "other"
    name = entry.target.partition("?")[0].rpartition("/")[2]
    _, dot, ending = name.rpartition(".")
    return "asset" if dot and ending.lower() in _ASSETS else "view"


def campaign_of(target: str) -> dict[str, str]:
    """What the query says of the campaign; of a repeated key the last."""
    query = target.partition("?")[2].partition("#")[0]
    try:
        pairs = parse_qsl(query, max_num_fields=_FIELDS)
    except ValueError:  # more fields than anybody sends
        return {}
    return {_UTM[key.lower()]: value for key, value in pairs if key.lower() in _UTM}
