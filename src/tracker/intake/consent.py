"""`cflags`: those of an agreement, and those by which an answer may keep the visitor in cookies."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from tracker.errors import RequestRefused
from tracker.hit import Shape
from tracker.intake import values
from tracker.intake.body import Body
from tracker.intake.head import Head
from tracker.numerals import INT64_MAX, read_integer
from tracker.settings import ConsentSettings

NAME = "cflags"
COOKIE = b"CookieConsent"

_WHOLE = re.compile(rb"[+-]?\d{1,19}")
_UTM = "utm_"

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder().decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def agreed(body: Body) -> int | None:
    """The flags of an agreement, None where its body has none.

    Raises `RequestRefused` for what is no set of flags: it would be kept as a no, or as another
    yes than was given.
    """
    value = _said_in(body)
    if value is None:
        return None
    flags = None if isinstance(value, bool) else read_integer(value)
    if flags is None or flags < 0:
        raise RequestRefused(400, "bad_value", f"`{NAME}` must be a whole number from 0 to"
                             f" {INT64_MAX}: the bits that the visitor agrees to.", NAME)
    return flags


class Consent:
    """Whether a hit may leave a visitor's id in cookies: by the flags that its event counts with.

    They are found as refining finds them, so that nobody keeps an id which the row does not have.
    """

    def __init__(self, settings: ConsentSettings, ignore_query_key: str) -> None:
        self._needed = settings.identity
        self._assumed = settings.assumed
        self._ignore = ignore_query_key

    def allows(self, body: Body, rest: bytes, query: bytes, head: Head) -> bool:
        """`rest` are the pairs of the path; of a batch the first event speaks for all."""
        for said in (_said_in(body), self._said_in_link(rest, query), _said_in_cookie(head),
                     _said_by_user(head)):
            if said is not None:
                flags = read_integer(said)
                break
        else:
            flags = self._assumed
        return flags is not None and flags >= 0 and flags & self._needed == self._needed

    def _said_in_link(self, rest: bytes, query: bytes) -> Any:
        path, found = values.all_from_link(rest, b""), values.all_from_link(
            b"", query, self._ignore)
        for name in [name for name in found if name[:len(_UTM)].lower() == _UTM]:
            found.setdefault(name[len(_UTM):], found.pop(name))
        return _pick(path | found)


def _said_in(body: Body) -> Any:
    text = next((text for text in body.events if text is not None), None)
    if text is None and body.shape is Shape.OBJECT:  # a short URL says what its event is
        text = body.data
    if text is not None:
        return _said_in_object(text)
    return _pick(values.all_from_form(body.data)) if body.shape is Shape.FORM else None


def _said_in_object(text: bytes) -> Any:
    try:
        members = _members(text)
    except _UNREADABLE:
        return None
    return _pick({name: _read(raw) for name, raw in members.items() if name.lower() == NAME})


def _read(raw: msgspec.Raw) -> Any:
    """A value; of one that cannot be read (a number of thousands of digits) its text."""
    try:
        return _value(raw)
    except _UNREADABLE:
        return bytes(raw).decode("utf-8", "replace")


def _said_in_cookie(head: Head) -> Any:
    sent = head.cookies().get(COOKIE, b"").strip(b'"')
    return int(sent) if _WHOLE.fullmatch(sent) else None


def _said_by_user(head: Head) -> Any:
    """In a `User` header, else in the cookie `user`; plain or percent-encoded."""
    for text in (head.first(b"user"), head.cookies().get(b"user", b"")):
        for spelt in (text, unquote(text.decode("utf-8", "replace")).encode()):
            if (said := _said_in_object(spelt)) is not None:
                return said
    return None


def _pick(said: Mapping[str, Any]) -> Any:
    """The first value of this name that is there, however it is spelt; the exact one counts first.
    """
    spelt = sorted((name for name in said if name.lower() == NAME),
                   key=lambda name: (name != NAME, name))
    return next((said[name] for name in spelt if said[name] is not None), None)
