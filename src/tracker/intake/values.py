"""The few values that the door reads itself: ids, and where a redirect leads.

How a value is found here is how `tracker.refine` finds it, so that a cookie or an answer never
names another id than the one that is stored.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote, unquote_plus, unquote_to_bytes

import msgspec

Id = str | int | float | None
Ids = dict[str, str]
"""`vid`, `sid` and `eid`, as far as a source names them; never an empty text."""

NAMES = frozenset({"vid", "sid", "eid"})
_UUID = re.compile(r"(?:urn:uuid:)?(?:([0-9a-f]{32})"
                   r"|(\{)?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?(2)\}))",
                   re.IGNORECASE | re.ASCII)
_NIL = "0" * 32


class Named(msgspec.Struct, gc=False):
    """The ids in an event's text. A value of another type is no id."""

    vid: Id = None
    sid: Id = None
    eid: Id = None


decode_named = msgspec.json.Decoder(Named).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_id: Callable[[msgspec.Raw], Id] = msgspec.json.Decoder(Id).decode


def from_event(text: bytes, wanted: tuple[str, ...]) -> Ids:
    """Those of the `wanted` ids that the text of a checked event names, in any case."""
    try:
        named = decode_named(text)
    except msgspec.MsgspecError:
        return from_object(text)
    ids = {}
    for name in wanted:
        value = getattr(named, name)
        if value is not None and value != "":
            ids[name] = str(value)
        elif b'"%b"' % name.encode() in text.lower():
            return from_object(text)
    return ids


def from_object(text: bytes) -> Ids:
    """The ids in a JSON object that nobody has checked; none when it is no object."""
    try:
        members = _decode_members(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return _ids((name.lower(), _id_of(raw)) for name, raw in members.items())


def _id_of(raw: msgspec.Raw) -> Id:
    try:
        return _decode_id(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def from_path(rest: bytes) -> Ids:
    """The ids among the pairs behind a route's name: split first, then decoded, the last wins."""
    parts = rest.split(b"/")
    return _ids((_text(name).lower(), _text(value))
                for name, value in zip(parts[::2], parts[1::2], strict=False))


def from_query(query: bytes, ignore_key: str = "") -> Ids:
    """The ids in a query or form; of one name the first counts. None when `ignore_key` is there."""
    pairs = [(_plus(name), _plus(value)) for name, value in _pairs(query)]
    if ignore_key and any(name == ignore_key for name, _ in pairs):
        return {}
    return _ids((name.lower(), value) for name, value in reversed(pairs))


def _ids(pairs: Iterable[tuple[str, Id]]) -> Ids:
    return {name: str(value) for name, value in pairs
            if name in NAMES and value is not None and value != ""}


def redirect_target(rest: bytes, query: bytes) -> bytes:
    """The value of `url` in the query, else in the path; b"" when there is none."""
    for name, value in _pairs(query):
        if _plus(name).lower() == "url":
            return unquote_to_bytes(value.replace(b"+", b" "))
    parts = rest.split(b"/")
    for name, value in zip(parts[::2], parts[1::2], strict=False):
        if _text(name).lower() == "url":
            return unquote_to_bytes(value)
    return b""


def uuid_text(text: str) -> str | None:
    """A UUID in canonical spelling; None of other text and of the nil UUID."""
    found = _UUID.fullmatch(text)
    if found is None:
        return None
    digits = (found[1] or found[3].replace("-", "")).lower()
    if digits == _NIL:
        return None
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    pairs = (part.partition(b"=") for part in query.split(b"&"))
    return [(name, value) for name, _, value in pairs]


def _text(raw: bytes) -> str:
    return unquote(raw.decode("utf-8", "replace"))


def _plus(raw: bytes) -> str:
    return unquote_plus(raw.decode("utf-8", "replace"))
