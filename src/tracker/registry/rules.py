"""What a short URL may be and where it may lead; pure."""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus, unquote_to_bytes

import msgspec

from tracker.errors import RequestRefused
from tracker.weburl import parse, safe, split

SLUG_BYTES = 1_000
URL_BYTES = 8_000

RESERVED = ("tr", "ping", "status", "health", "metrics", "clear", ".well-known")
"""First names of paths that the tracker answers itself; no short URL may begin with one."""

UNTRACKED = {"etyp": "redirect", "ename": "short_rdr"}
"""What every click of a plain link says, as the original has it."""

_NOT_VALUES = frozenset({"url", "eid", "vid", "sid", "created", "time"})
"""Of a tracked destination: where it leads, and what must be each click's own."""

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PORT = re.compile(r":[0-9]+\Z")
_DEFAULT_PORTS = {b"http": ":80", b"https": ":443"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class ShortUrl(NamedTuple):
    """`host` in ASCII, with its port where it is not the scheme's; `slug` is the whole path."""

    url: str
    host: str
    slug: str

    @property
    def key(self) -> str:
        """Host and path, as `redirects.urlfrom` has it."""
        return self.host + self.slug

    @property
    def folded(self) -> str:
        """The path without case, as it is looked for when no exact one is there."""
        return folded(self.slug)


class Destination(NamedTuple):
    """Where a link leads.

    `location` goes to the browser; `body` is what each click says; `host` is that of `location`,
    to which redirects may lead too.
    """

    url: str
    location: bytes
    host: str
    body: bytes


def canonical_path(raw: bytes) -> str:
    """One spelling of a raw path: ASCII, escapes in capitals, and none where none is needed.

    A % that begins no escape is %25, as what follows it could else become one.
    """
    return _ESCAPE.sub(_escape, safe(raw).decode("ascii"))


def _escape(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def folded(path: str) -> str:
    """A canonical path as people read it, without case."""
    return unicodedata.normalize("NFC", unquote(path)).casefold()


def short_url(text: str) -> ShortUrl:
    """The short URL that `urlfrom` asks for; query and fragment are no part of it.

    Raises `RequestRefused`.
    """
    parts = _split(text, "urlfrom")
    scheme, host, port, rest = parts
    port = "" if port == _DEFAULT_PORTS[scheme] else port
    path = rest.partition(b"#")[0].partition(b"?")[0]
    slug = canonical_path(path)
    if len(slug) < 2:
        raise _refused("urlfrom", "needs a path behind its host, such as /spring")
    if len(slug) > SLUG_BYTES:
        raise _refused("urlfrom", f"may have a path of {SLUG_BYTES} bytes")
    _judge_path(slug)
    return ShortUrl(f"{scheme.decode()}://{host}{port}{slug}", host + port, slug)


def _judge_path(slug: str) -> None:
    try:
        plain = unquote_to_bytes(slug).decode()
    except UnicodeDecodeError:
        raise _refused("urlfrom", "has a path that is not UTF-8") from None
    if _CONTROL.search(plain):
        raise _refused("urlfrom", "holds control characters")
    if "\\" in plain:
        raise _refused("urlfrom", "holds a backslash, which browsers read as a slash")
    names = plain[1:].split("/")
    if "" in names[:-1]:
        raise _refused("urlfrom", "has an empty part in its path (//)")
    if not {".", ".."}.isdisjoint(names):
        raise _refused("urlfrom", "has . or .. in its path, which browsers take away")
    if names[0].casefold() in RESERVED:
        raise _refused("urlfrom", f"begins with /{names[0]}, which the tracker answers itself")


def destination(text: str, source: ShortUrl, domains: frozenset[str],
                api_version: int) -> Destination:
    """Where `urlto` leads; raises `RequestRefused`.

    A path of `/tr/v1/rdr/` is a tracked destination: its `url` is reached in one step, and its
    other pairs are values of each click.
    """
    scheme, host, port, rest = _split(text, "urlto")
    url = f"{scheme.decode()}://{host}{port}{rest.decode()}"
    path, _, query = rest.partition(b"#")[0].partition(b"?")
    if host in domains and b"/rdr/" not in path:
        raise _refused("urlto", f"leads to {host}, which is in Domains: link to it directly, or"
                                f" through /tr/v{api_version}/rdr/?url=…")
    location, values = url.encode(), UNTRACKED
    if path.startswith(f"/tr/v{api_version}/rdr/".encode()):
        pairs = _pairs(query)
        values = {name: value for name, value in pairs.items() if name not in _NOT_VALUES}
        if inner := pairs.get("url"):
            found = parse(inner.encode())
            if isinstance(found, str):
                raise _refused("urlto", f"has a `url` that {found}")
            host, location = found
    if same_place(location, source):
        raise _refused("urlto", "leads back to the short URL itself")
    return Destination(url, location, host, msgspec.json.encode({**values, "link": source.key}))


def same_place(location: bytes, source: ShortUrl) -> bool:
    """Whether a browser sent to `location` would ask for `source` again."""
    found = place_of(location)
    return found is not None and found[1] == source.folded and (
        found[0] in (source.host, without_port(source.host))
        or without_port(found[0]) == source.host)  # which answers at every port


def without_port(host: str) -> str:
    """A host as a link names it, without its port."""
    return _PORT.sub("", host)


def place_of(location: bytes) -> tuple[str, str] | None:
    """Host (with a port that is not the scheme's) and path without case of a judged URL.

    The path is the one that a browser asks for, without `.` and `..`.
    """
    parts = split(location)
    if isinstance(parts, str):
        return None
    scheme, host, port, rest = parts
    path = rest.partition(b"#")[0].partition(b"?")[0]
    return (host + ("" if port == _DEFAULT_PORTS[scheme] else port),
            folded(_resolved(canonical_path(path))))


def _resolved(path: str) -> str:
    """A canonical path without `.` and `..`, as browsers take them away."""
    kept: list[str] = []
    names = path.split("/")[1:]
    for at, name in enumerate(names, 1):
        if name == "..":
            del kept[-1:]
        elif name != ".":
            kept.append(name)
        if name in {".", ".."} and at == len(names):
            kept.append("")
    return "/" + "/".join(kept)


def host_of(text: str) -> str:
    """A host as it stands in a path or an account: ASCII, lower case; raises `RequestRefused`."""
    parts = split(b"http://" + text.strip().encode("utf-8", "replace"))
    if isinstance(parts, str) or parts[3]:
        raise _refused("host", "is no host; write example.com")
    return parts[1] + ("" if parts[2] in _DEFAULT_PORTS.values() else parts[2])


def _split(text: str, field: str) -> tuple[bytes, str, str, bytes]:
    plain = text.strip(" \t\r\n")
    if not plain:
        raise _refused(field, "is empty")
    if len(plain) > URL_BYTES or len(raw := plain.encode("utf-8", "replace")) > URL_BYTES:
        raise _refused(field, f"may have {URL_BYTES} bytes")
    if _CONTROL.search(plain):
        raise _refused(field, "holds control characters")
    parts = split(raw)
    if isinstance(parts, str):
        raise _refused(field, parts)
    if parts[2] and not 0 < int(parts[2][1:]) < 65_536:
        raise _refused(field, "has no valid port")
    if parts[3] and parts[3][:1] not in (b"/", b"?", b"#"):
        raise _refused(field, "has no valid host")
    return parts


def _pairs(query: bytes) -> dict[str, str]:
    """Names in lower case; of one name the first counts."""
    pairs: dict[str, str] = {}
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        key = unquote_plus(name.decode("ascii")).lower()
        if key:
            pairs.setdefault(key, unquote_plus(value.decode("ascii")))
    return pairs


def _refused(field: str, what: str) -> RequestRefused:
    return RequestRefused(400, "link_refused", f"`{field}` {what}.", field)
