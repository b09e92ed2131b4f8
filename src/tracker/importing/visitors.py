"""Who is who in a log without cookies: visitors by address and agent, sessions by pauses."""

from hashlib import blake2b

from tracker.hit import id_text

IDLE_SECONDS = 1800
_MOST = 500_000
_ID_BYTES = 16
_KEY_BYTES = 64

Known = tuple[str, int, str]  # visitor, seconds of the last hit, session


class Visitors:
    """Ids that follow from address, agent and times; lines come about in order of time.

    They are made with a secret key, so that nobody finds an address by trying all of them.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key[:_KEY_BYTES]
        self._recent: dict[tuple[str, str], Known] = {}
        self._before: dict[tuple[str, str], Known] = {}

    def of(self, address: str, agent: str, seconds: int) -> tuple[str, str, bool]:
        """Visitor, session, and whether the visitor is new; a pause of half an hour ends one."""
        key = (address, agent)
        known = self._recent.get(key) or self._before.get(key)
        if known is None:
            vid = self._id(f"{address}\n{agent}")
            last, sid = seconds, self._id(f"{vid} {seconds}")
        else:
            vid, last, sid = known
            if seconds - last > IDLE_SECONDS:
                sid = self._id(f"{vid} {seconds}")
            last = max(last, seconds)
        if len(self._recent) >= _MOST:  # whoever was away for long is forgotten
            self._before, self._recent = self._recent, {}
        self._recent[key] = vid, last, sid
        return vid, sid, known is None

    def _id(self, text: str) -> str:
        """A version 8 UUID (RFC 9562)."""
        digest = bytearray(blake2b(text.encode("utf-8", "replace"), key=self._key,
                                   digest_size=_ID_BYTES).digest())
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        return id_text(bytes(digest))
