"""The head of a hit: what its request line and its headers say about every event in it."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from tracker.refine.decode import read_object
from tracker.refine.pairs import read_pairs

_READS_QUERY = frozenset({"GET", "HEAD"})
_ROUTE_SEGMENTS = 4  # "", "tr", "v1", the route's name
_UTM = "utm_"
_WANTED = frozenset({b"host", b"user-agent", b"accept-language", b"cookie", b"user"})
_COOKIES = {"vid": "vid", "sess": "sid", "sid": "sid", "ehash": "ehash"}
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)

Values = dict[str, Any]
NO_VALUES: Mapping[str, Any] = {}


class Fields(NamedTuple):
    """What the headers say. `values` are those of the `User` header and of cookies."""

    host: str
    agent: str
    language: str
    values: Values


def read_line(line: bytes, ignore_query_key: str, tuples: bool) -> Values:
    """Values in the path of a request line, and in its query where the method has one.

    `tuples` is false on routes whose path is the name of something, not a row of values.
    """
    method, _, rest = line.decode("utf-8", "replace").partition(" ")
    target = rest.rpartition(" ")[0] if " " in rest else rest
    path, _, query = target.partition("#")[0].partition("?")
    values = read_path(path) if tuples else {}
    if query and method in _READS_QUERY:
        values.update(read_query(query, ignore_query_key))
    return values


def read_path(path: str) -> Values:
    """The (key, value) pairs behind the route's name. Parts are split first, then decoded."""
    if not path.startswith("/"):  # a proxy's form: http://host/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    parts = path.split("/")[_ROUTE_SEGMENTS:]
    return {
        unquote(key): unquote(value)
        for key, value in zip(parts[::2], parts[1::2], strict=False)
        if key or value
    }


def read_query(query: str, ignore_key: str) -> Values:
    """First value of each key, `utm_` removed; the plain key wins; nothing with the ignore key."""
    pairs = read_pairs(query)
    if ignore_key and ignore_key in pairs:
        return {}
    values = {key: value for key, value in pairs.items() if key[:4].lower() != _UTM}
    for key, value in pairs.items():
        if key[:4].lower() == _UTM:
            values.setdefault(key[4:], value)
    return values


def read_fields(lines: bytes) -> Fields:
    """The headers we use; of a repeated one the first counts, of cookies all."""
    found: dict[bytes, str] = {}
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in _WANTED:
            text = value.decode("utf-8", "replace").strip()
            if name == b"cookie" and name in found:
                found[name] += ";" + text
            else:
                found.setdefault(name, text)
    values: Values = {}
    if found.keys() & {b"cookie", b"user"}:
        values = _ambient(found.get(b"user", ""), found.get(b"cookie", ""))
    language = found.get(b"accept-language", "").partition(",")[0].partition(";")[0]
    return Fields(
        host=host_name(found.get(b"host", "")),
        agent=found.get(b"user-agent", ""),
        language=language.strip().lower(),
        values=values,
    )


def host_name(host: str) -> str:
    """A Host header in lower case without its port; an IPv6 address keeps its brackets."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def _ambient(user: str, cookie: str) -> Values:
    """Values of the `User` header and of cookies, lowest rank first."""
    cookies = _cookies(cookie)
    values = {**_user(cookies.get("user", "")), **_user(user)}
    for name, key in _COOKIES.items():
        if cookies.get(name):
            values[key] = cookies[name]
    consent = cookies.get("CookieConsent", "")
    if _WHOLE.fullmatch(consent):
        values["cflags"] = int(consent)
    return values


def _cookies(header: str) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        cookies.setdefault(name, value.strip().strip('"') if name != "user" else value)
    return cookies


def _user(text: str) -> Values:
    """The object in a `User` header or `user` cookie, plain or percent-encoded; else nothing."""
    if not text:
        return {}
    value = read_object(text) or read_object(unquote(text)) or {}
    return {key: item for key, item in value.items() if item is not None}
