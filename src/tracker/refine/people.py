"""Personal data become hashes: people by e-mail, phone and name; devices by address."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa

from tracker.refine import hashes
from tracker.refine.arrays import spread, texts
from tracker.refine.coerce import read_text
from tracker.refine.frame import Frame
from tracker.refine.memory import remembered
from tracker.settings import RefineSettings

_PLAIN = {"ehash": "email", "chash": "cell", "uhash": "uname"}
_REMEMBERED = 50_000
_DAYS = 16
_DAY = 86_400 * 10**9


class Privacy:
    """Hashes what tells who somebody is; keyed, or in the original's way where that is set."""

    def __init__(self, settings: RefineSettings) -> None:
        self._legacy = settings.legacy_hashes
        self._prefix = settings.private_prefix
        self._key = settings.private_key
        self._remove_ip = settings.remove_ip
        self._address = lru_cache(maxsize=_REMEMBERED)(self._hash_address)
        self._salt = lru_cache(maxsize=_DAYS)(self._day_salt)
        self._person = remembered(self._hash_person, _REMEMBERED)

    def protect(self, frame: Frame) -> None:
        """Set `ehash`, `chash`, `uhash`: as given, else of the plain value."""
        for hashed, plain in _PLAIN.items():
            given = frame.sent.pop(hashed, None)
            values = frame.sent.pop(plain, None)
            if given is None and values is None:
                continue
            none: list[Any] = [None] * len(frame)
            frame.columns[hashed] = texts([
                self._of(given, value)
                for given, value in zip(given or none, values or none, strict=True)
            ])

    def _of(self, given: Any, plain: Any) -> str:
        if given is not None and (text := as_text(given)):
            return text
        return self._person(text) if plain is not None and (text := as_text(plain)) else ""

    def _hash_person(self, plain: str) -> str:
        if self._legacy:
            return hashes.legacy_person(self._prefix, plain)
        return hashes.keyed_person(self._key, plain)

    def hide_addresses(self, frame: Frame) -> None:
        """Set `iphash`, and `ip` to the address or, where it must not be kept, to the hash.

        An imported row may have no more than the hash.
        """
        hashed = pa.array([
            hit.address if hit.imported and not _is_address(hit.address)
            else self._address(hit.address, hit.received // _DAY)
            for hit in frame.hits], pa.string()).take(pa.array(frame.hit))
        frame.columns["iphash"] = hashed
        frame.columns["ip"] = hashed if self._remove_ip else spread(
            [hit.address for hit in frame.hits], pa.string(), frame.hit)

    def _hash_address(self, address: str, day: int) -> str:
        if not address:
            return ""
        if self._legacy:
            return hashes.legacy_address(address)
        return hashes.keyed_address(self._salt(day), address)

    def _day_salt(self, day: int) -> bytes:
        return hashes.daily_salt(self._key, _date(day))


def _is_address(text: str) -> bool:
    return "." in text or ":" in text


def as_text(value: Any) -> str:
    """The value as text to hash; a list or object as its JSON."""
    text = read_text(value)
    return msgspec.json.encode(value).decode() if text is None else text.strip()


def _date(day: int) -> str:
    """The UTC date so many days after 1970-01-01."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
