"""Hits to rows: the whole Refinery, and the parts of it that read text."""

import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from fuzz.checks.door import NOW, PEER
from fuzz.checks.intake import _INTAKES, accept, read_request, shape_of
from tracker.hit import Hit, Route, decode_hit, encode_hit
from tracker.intake.values import uuid_text
from tracker.numerals import INT64_MAX, INT64_MIN, read_integer, read_number
from tracker.refine import Refinery
from tracker.refine.agents import Agents
from tracker.refine.coerce import read_flag, read_text
from tracker.refine.decode import BROKEN, decode_object
from tracker.refine.head import host_name, read_language, read_user
from tracker.refine.ids import canonical, uuid_digits
from tracker.refine.names import PERSONAL
from tracker.refine.params import join, tidy, typed_text
from tracker.refine.times import read_time
from tracker.refine.urls import Urls, strip_scheme
from tracker.settings import ConsentSettings, RefineSettings

_REFINERIES = (
    Refinery(RefineSettings(private_key=b"key")),
    Refinery(RefineSettings(
        private_prefix="p", legacy_hashes=True, remove_ip=True, lowercase_values=True,
        ignore_query_key="igqp", url_filter=re.compile(r"https?://([^/?#]+)(/[^?#]*)"),
        consent=ConsentSettings(1, 2))),
)
COMPANY = 32
_waiting: list[bytes] = []
_AGENTS = Agents()
_URLS = Urls(RefineSettings())


def check(data: bytes) -> None:
    """Refine a request's hit together with those before it, as batches do.

    Alone, one takes a hundred times as long.
    """
    _waiting.append(data)
    if len(_waiting) < COMPANY:
        return
    company = _waiting.copy()
    _waiting.clear()
    try:
        refine(company)
    except Exception:
        for each in company:
            try:
                refine([each])
            except Exception as error:
                raise AssertionError(f"it was {each!r}") from error
        raise


def refine(requests: Sequence[bytes]) -> None:
    """Every accepted event is a row or a dead letter; `params` is JSON without personal keys."""
    hits = []
    accepted = set()
    for place, data in enumerate(requests):
        request = read_request(data)
        hit = accept(_INTAKES[0], request)
        if hit is not None:
            accepted.add(place)
        hits.append(hit or Hit(bytes(16), NOW, Route.TR, PEER, request.head, request.body,
                               shape_of(request.body), 1))
    refinery = _REFINERIES[zlib.crc32(requests[-1]) & 1]
    refined = refinery.refine(hits)
    table = refined.table
    table.validate()
    assert sum(hit.events for hit in hits) == table.num_rows + len(refined.dead)
    assert accepted.isdisjoint(letter.hit for letter in refined.dead)
    for name in ("params", "targets"):
        for text in table[name].to_pylist():
            held = json.loads(text)
            assert name != "params" or PERSONAL.isdisjoint(map(str.lower, held))
    assert all(table["eid"].to_pylist())
    for vid, sid, iphash in zip(*(table[name].to_pylist() for name in ("vid", "sid", "iphash")),
                                strict=True):
        assert (vid and sid) or (refinery is _REFINERIES[1] and not sid and not iphash)


def check_params(data: bytes) -> None:
    """An object comes out as JSON in which no two values have one path."""
    first, _, second = data.partition(b"\n")
    try:
        event, params = decode_object(first), decode_object(second or b"{}")
    except BROKEN:
        return
    leaves = sum(1 for _ in _leaves(event))
    tidy(event)
    paths = [".".join(path) for path in _leaves(event)]
    assert len(paths) == len(set(paths)) <= leaves
    joined = join(event, params)
    tidy(joined)
    msgspec.json.encode(joined)


def _leaves(value: dict[str, Any], path: tuple[str, ...] = ()) -> Any:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key)


def check_values(data: bytes) -> None:
    """One text as a number, a flag, a time, an id, an address of a page; typing loses nothing."""
    text = data.decode("utf-8", "replace")
    number, integer, flag = read_number(text), read_integer(text), read_flag(text)
    assert number is None or abs(number) < float("inf")
    assert integer is None or INT64_MIN <= integer <= INT64_MAX
    assert flag in {True, False, None}
    typed = typed_text(text)
    assert text == read_text(typed)
    assert -(1 << 63) <= read_time(text) < 1 << 63
    digits = uuid_digits(text)
    assert (digits.strip("0") if digits else "") == (uuid_text(text) or "").replace(
        "-", "").strip("0")
    assert canonical(canonical(text)) == canonical(text)
    cleaned = _URLS.clean(text)
    assert "?" not in cleaned
    strip_scheme(cleaned)
    host_name(text)
    read_language(text)
    read_user(text)
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    read_number(value), read_integer(value), read_flag(value), read_time(value), read_text(value)


def check_agents(data: bytes) -> None:
    """Any text is some agent."""
    agent = _AGENTS.describe(data.decode("utf-8", "replace"))
    assert agent.device in {"", "desktop", "mobile", "tablet"}


def check_hits(data: bytes) -> None:
    """A record is a hit or none; a hit comes back as it was written."""
    try:
        hit = decode_hit(data)
    except msgspec.DecodeError:
        return
    assert hit == decode_hit(encode_hit(hit))
