"""The head of a hit: what its request line and its headers say about every event in it."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tracker.refine.decode import read_object
from tracker.refine.pairs import percent_decoded, read_pairs

_READS_QUERY = frozenset({"GET", "HEAD"})
_ROUTE_SEGMENTS = 4  # "", "tr", "v1", the route's name
_UTM = "utm_"
_COOKIE, _USER, _USER_COOKIE = "cookie", "user", "\0user"
_COOKIES = (("vid", "vid"), ("sess", "sid"), ("sid", "sid"), ("ehash", "ehash"))
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)

Values = dict[str, Any]
Header = tuple[str, Any]


class Fields(NamedTuple):
    """What the headers say. `values` are those of the `User` header and of cookies."""

    host: str
    agent: str
    language: str
    values: Values
    referrer: str = ""


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
        percent_decoded(key): percent_decoded(value)
        for key, value in zip(parts[::2], parts[1::2], strict=False)
        if key or value
    }


def read_query(query: str, ignore_key: str) -> Values:
    """First value of each key, `utm_` removed; the plain key wins; nothing with the ignore key."""
    pairs = read_pairs(query)
    if ignore_key and ignore_key in pairs:
        return {}
    if _UTM not in "&".join(pairs).lower():
        return pairs
    values = {key: value for key, value in pairs.items() if key[:4].lower() != _UTM}
    for key, value in pairs.items():
        if key[:4].lower() == _UTM:
            values.setdefault(key[4:], value)
    return values


class Heads:
    """Distinct heads: those that differ in headers we do not use, as in a length, are one.

    `fields` holds what each says. Lines are read once, as most come again under other heads.
    """

    def __init__(self) -> None:
        self.fields: list[Fields] = []
        self._headers: list[Header] = [("", "")]  # by number; 0 is a header that we do not use
        self._numbers: dict[bytes, int] = {}  # of lines
        self._seen: dict[bytes, int] = {}
        self._codes: dict[tuple[int, ...], int] = {}

    def code(self, lines: bytes) -> int:
        """The place in `fields` of what these headers say."""
        code = self._seen.get(lines)
        if code is None:
            code = self._seen[lines] = self._code(lines.split(b"\r\n"))
        return code

    def _code(self, lines: list[bytes]) -> int:
        numbers = [*map(self._numbers.get, lines)]
        if None in numbers:
            for line, number in zip(lines, numbers, strict=True):
                if number is None:
                    self._learn(line)
            numbers = [*map(self._numbers.get, lines)]
        used = tuple(filter(None, numbers))
        code = self._codes.get(used)
        if code is None:
            code = self._codes[used] = len(self.fields)
            self.fields.append(together(self._headers[number] for number in used))
        return code

    def _learn(self, line: bytes) -> None:
        header = read_header(line)
        self._numbers[line] = 0 if header is None else len(self._headers)
        if header is not None:
            self._headers.append(header)


def read_fields(lines: bytes) -> Fields:
    """What the headers say that we use."""
    return together(filter(None, map(read_header, lines.split(b"\r\n"))))


def together(headers: Iterable[Header]) -> Fields:
    """What several headers say; of a repeated one the first counts, of cookies all."""
    found: dict[str, Any] = {}
    for name, value in headers:
        if name == _COOKIE and name in found:
            found[name] = {**value, **found[name]}
        found.setdefault(name, value)
    values = {**found.get(_USER, {}), **found.get(_COOKIE, {})}
    if _USER_COOKIE in values:
        values = {**values.pop(_USER_COOKIE), **values}
    return Fields(found.get("host", ""), found.get("user-agent", ""),
                  found.get("accept-language", ""), values, found.get("referer", ""))


def read_header(line: bytes) -> Header | None:
    """Name and value of a header that we use, else None."""
    name, _, rest = line.partition(b":")
    read = _HEADERS.get(name.lower())
    return None if read is None else (
        name.lower().decode(), read(rest.decode("utf-8", "replace").strip()))


def read_language(value: str) -> str:
    """The first language of an Accept-Language header, without its weight."""
    return value.partition(",")[0].partition(";")[0].strip().lower()


def host_name(host: str) -> str:
    """A Host header in lower case without its port; an IPv6 address keeps its brackets."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def read_cookies(header: str) -> Values:
    """Values of the cookies we read; those of the object in `user` stand under a name apart."""
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        cookies.setdefault(name, value)
    values: Values = {}
    for name, key in _COOKIES:
        if value := cookies.get(name, "").strip('"'):
            values[key] = value
    values |= _attribution(cookies)
    consent = cookies.get("CookieConsent", "").strip('"')
    if _WHOLE.fullmatch(consent):
        values["cflags"] = int(consent)
    if user := cookies.get("user"):
        values[_USER_COOKIE] = read_user(user)
    return values


def _attribution(cookies: Mapping[str, str]) -> Values:
    """Experiment, referrer and last visit, as the script of the original keeps them.

    Its `ref` is the page before, which is no visitor: such a one is `last`.
    """
    values: Values = {}
    if xid := percent_decoded(cookies.get("xid", "").strip('"')):
        values["xid"] = xid
    if ref := percent_decoded(cookies.get("ref", "").strip('"')):
        values["last" if "/" in ref else "ref"] = ref
    if (text := cookies.get("params")) and (params := read_user(text)):
        values["params"] = params
    tracked = cookies.get("trc", "").strip('"')
    if _WHOLE.fullmatch(tracked):
        values["trc"] = int(tracked)
    return values


def read_user(text: str) -> Values:
    """The object in a `User` header or `user` cookie, plain or percent-encoded; else nothing."""
    value = read_object(text) or read_object(percent_decoded(text)) or {}
    return {key: item for key, item in value.items() if item is not None}


_HEADERS: dict[bytes, Callable[[str], Any]] = {
    b"host": host_name,
    b"user-agent": str,
    b"accept-language": read_language,
    b"cookie": read_cookies,
    b"user": read_user,
    b"referer": str,
}
