"""The few values that the door reads itself: ids, and where a redirect leads.

How a value is found here is how `tracker.refine` finds it, so that a cookie or an answer never
names another id than the one that is stored.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote, unquote_to_bytes

import msgspec

Id = str | int | float | bool | None
Ids = dict[str, str]
"""`vid`, `sid` and `eid`, as far as a source names them; "" for a value that is no id.

A source that names one hides those below it, whatever the value.
"""

NAMES = frozenset({"vid", "sid", "eid"})
_UTM = "utm_"
_UTM_NAMES = frozenset({_UTM + name for name in NAMES})
_PLAIN = frozenset({name.encode() for name in NAMES})
_SHORT = 3
_LENGTHS = frozenset({_SHORT, _SHORT + len(_UTM)})
"""How long a name is that stands for an id, if it is not escaped."""
NULL = msgspec.Raw(b"null")
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
        if value is not None:
            ids[name] = _spelt(value)
        elif b'"%b"' % name.encode() in text.lower():
            return from_object(text)
    return ids


def from_object(text: bytes) -> Ids:
    """The ids in a JSON object that nobody has checked; none when it is no object."""
    try:
        members = _decode_members(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return pick({name: _id_of(raw) for name, raw in members.items()
                 if name.lower() in NAMES and raw != NULL})


def _id_of(raw: msgspec.Raw) -> str:
    try:
        return _spelt(_decode_id(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _spelt(value: Id) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def pick(values: Mapping[str, str]) -> Ids:
    """The ids among values whose names may be spelt in any case; the exact one counts first."""
    if values.keys() <= NAMES:
        return dict(values)
    ids: Ids = {}
    for name in sorted(values, key=lambda name: (name not in NAMES, name)):
        if name.lower() in NAMES:
            ids.setdefault(name.lower(), values[name])
    return ids


def from_link(rest: bytes, query: bytes, ignore_key: str = "") -> Ids:
    """The ids in the pairs of a path behind its route's name, and in a query, which wins."""
    found = _path_ids(rest) if rest else {}
    if query and not (ignore_key and _names(query, ignore_key)):
        found = {**found, **_query_ids(query)}
    return pick(found) if found else found


def from_form(form: bytes) -> Ids:
    """The ids in a form."""
    return pick(_ids_of_pairs(form))


def all_from_link(rest: bytes, query: bytes, ignore_key: str = "") -> dict[str, str]:
    """Every value in the pairs of a path behind its route's name, and in a query, which wins."""
    parts = rest.split(b"/")
    found = {_text(name): _text(value)
             for name, value in zip(parts[::2], parts[1::2], strict=False)}
    if query and not (ignore_key and _names(query, ignore_key)):
        found |= all_from_form(query)
    return found


def all_from_form(form: bytes) -> dict[str, str]:
    """Every value in a form, of one name the first."""
    return {_plus(name): _plus(value) for name, value in reversed(_pairs(form))}


def _path_ids(rest: bytes) -> dict[str, str]:
    """Path pairs are split first, then decoded; of one name the last counts."""
    parts = rest.split(b"/")
    ids = {}
    for name, value in zip(parts[::2], parts[1::2], strict=False):
        if (len(name) == _SHORT and name.lower() in _PLAIN) or b"%" in name:
            text = _text(name)
            if text.lower() in NAMES:
                ids[text] = _text(value)
    return ids


def _query_ids(query: bytes) -> dict[str, str]:
    """Of a link's query, `utm_vid` is `vid` too, where that is not there itself."""
    ids = _ids_of_pairs(query)
    for name in [name for name in ids if len(name) > _SHORT]:
        ids.setdefault(name[len(_UTM):], ids.pop(name))
    return ids


def _ids_of_pairs(query: bytes) -> dict[str, str]:
    """Ids by the names they have, `utm_` included; of one name in a query the first counts."""
    ids: dict[str, str] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if (len(name) in _LENGTHS and name[-_SHORT:].lower() in _PLAIN) or b"%" in name:
            text = _plus(name)
            lower = text.lower()
            if (lower in NAMES or lower in _UTM_NAMES) and text not in ids:
                ids[text] = _plus(value)
    return ids


def _names(query: bytes, name: str) -> bool:
    """Whether a query names something so."""
    return any(_plus(found) == name for found, _ in _pairs(query))


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
    text = raw.decode("utf-8", "replace")
    return unquote(text) if "%" in text else text


def _plus(raw: bytes) -> str:
    return _text(raw.replace(b"+", b" "))
