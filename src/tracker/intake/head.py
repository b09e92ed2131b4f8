"""The raw head of a request: the few fields the door reads, and what must not reach the disk."""

import re

OUR_COOKIES = (b"vid", b"sid", b"sess", b"ref", b"xid", b"params", b"trc", b"CookieConsent",
               b"ehash", b"user", b"uid")
"""Cookies that stay in a hit; a `jwt` and those of the site around us never do."""

ADDRESS_FIELDS = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"cf-connecting-ip")
"""Where a trusted proxy says whose request it is, the most trustworthy first."""

CREDENTIALS = (b"authorization", b"proxy-authorization")
_SECRET = frozenset({b"cookie", *CREDENTIALS})
_READ = (b"cookie", b"content-encoding", b"content-type", b"origin", b"user",
         *CREDENTIALS, *ADDRESS_FIELDS)

# A field goes on over lines that begin with white space, an old form that some still send.
_FIELDS = re.compile(rb"\n(%b)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)" % b"|".join(_READ)).finditer
_COOKIES = re.compile(rb"(?:^|;)\s*(%b)\s*=\s*([^;\r\n]*)" % b"|".join(OUR_COOKIES)).findall

KEPT_HEADS = 1_024
KEPT_BYTES = 2 << 10
"""Longer heads are not remembered."""


class Heads:
    """The last heads, taken apart: a page sends what it sends with one and the same."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Head] = {}

    def of(self, fields: bytes) -> "Head":
        """The head of these fields, without its request line; they begin with its line feed."""
        head = self._kept.get(fields)
        if head is None:
            head = Head(fields)
            if len(fields) <= KEPT_BYTES:
                if len(self._kept) >= KEPT_HEADS:
                    self._kept.clear()
                self._kept[fields] = head
        return head


class Head:
    """A head taken apart once, in one pass over its text; the request line may be missing."""

    __slots__ = ("_cookies", "_fields", "_scrubbed", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._cookies: dict[bytes, bytes] | None = None
        self._scrubbed: bytes | None = None
        self._fields: dict[bytes, list[re.Match[bytes]]] = {}
        for field in _FIELDS(raw.lower()):
            self._fields.setdefault(field[1], []).append(field)

    def has(self, name: bytes) -> bool:
        """Whether there is a field of this name (lower case)."""
        return name in self._fields

    def values(self, name: bytes) -> list[bytes]:
        """The values of every field of this name (lower case)."""
        return [self.raw[field.start(2):field.end(2)].strip()
                for field in self._fields.get(name, ())]

    def first(self, name: bytes) -> bytes:
        """The first value of the field `name`, b"" when there is none."""
        fields = self._fields.get(name)
        return self.raw[fields[0].start(2):fields[0].end(2)].strip() if fields else b""

    def cookies(self) -> dict[bytes, bytes]:
        """Our cookies; of two with one name the first counts, the one of the nearer path."""
        if self._cookies is None:
            self._cookies = {}
            for field in self._fields.get(b"cookie", ()):
                for name, text in self._ours(field):
                    self._cookies.setdefault(name, text)
        return self._cookies

    def _ours(self, field: re.Match[bytes]) -> list[tuple[bytes, bytes]]:
        return [(name, text.rstrip())
                for name, text in _COOKIES(self.raw[field.start(2):field.end(2)])]

    def scrubbed(self) -> bytes:
        """The head without Authorization, Proxy-Authorization and cookies that are not ours."""
        if self._scrubbed is None:
            self._scrubbed = self.raw if _SECRET.isdisjoint(self._fields) else self._scrub()
        return self._scrubbed

    def _scrub(self) -> bytes:
        fields = [field for name in _SECRET for field in self._fields.get(name, ())]
        pieces, end = [], 0
        for field in sorted(fields, key=re.Match.start):
            pieces += [self.raw[end:field.start()], self._kept(field)]
            end = field.end()
        pieces.append(self.raw[end:])
        return b"".join(pieces)

    def _kept(self, field: re.Match[bytes]) -> bytes:
        """What stays of a field with secrets; like the field, it ends before the line feed."""
        if field[1] != b"cookie":
            return b""
        ours = b"; ".join([b"%b=%b" % pair for pair in self._ours(field)])
        return self.raw[field.start():field.start(2)] + b" " + ours + b"\r" if ours else b""
