"""The raw head of a request: finding a field in it, and taking out what must not reach the disk."""

import re

OUR_COOKIES = frozenset({b"vid", b"sid", b"sess", b"ref", b"xid", b"params", b"trc",
                         b"CookieConsent", b"ehash", b"user", b"uid"})
"""Cookies that stay in a hit; a `jwt` and those of the site around us never do."""

# A field goes on over lines that begin with white space, an old form that some still send.
_REST = rb"[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)"
_CREDENTIALS = re.compile(rb"(?im)^(?:proxy-)?authorization[ \t]*:" + _REST)
_COOKIE = re.compile(rb"(?im)^(cookie[ \t]*:)(" + _REST + rb")")


def values(head: bytes, lowered: bytes, name: bytes) -> list[bytes]:
    """The values of every field called `name` (lower case); `lowered` is the head in lower case."""
    found = []
    mark = b"\n" + name + b":"
    at = lowered.find(mark)
    while at >= 0:
        start = at + len(mark)
        end = lowered.find(b"\n", start)
        found.append(head[start:end if end >= 0 else len(head)].strip())
        at = lowered.find(mark, start)
    return found


def first(head: bytes, lowered: bytes, name: bytes) -> bytes:
    """The first value of the field `name`, b"" when there is none."""
    found = values(head, lowered, name)
    return found[0] if found else b""


def scrub(head: bytes) -> bytes:
    """The head without Authorization, Proxy-Authorization and cookies that are not ours."""
    return _COOKIE.sub(_our_cookies, _CREDENTIALS.sub(b"", head))


def _our_cookies(field: re.Match[bytes]) -> bytes:
    kept = [b"%b=%b" % pair for pair in _pairs(field[2]) if pair[0] in OUR_COOKIES]
    return field[1] + b" " + b"; ".join(kept) + b"\r\n" if kept else b""


def cookies(head: bytes, lowered: bytes) -> dict[bytes, bytes]:
    """Our cookies; of two with one name the first counts, the one of the nearer path."""
    found: dict[bytes, bytes] = {}
    for value in values(head, lowered, b"cookie"):
        for name, text in _pairs(value):
            if name in OUR_COOKIES:
                found.setdefault(name, text)
    return found


def _pairs(value: bytes) -> list[tuple[bytes, bytes]]:
    pairs = (part.partition(b"=") for part in value.split(b";"))
    return [(name.strip(), text.strip()) for name, _, text in pairs]
