"""Passwords and keys: made, hashed, tried; and how often somebody may try in vain."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_LENGTH: Final = 8
MOST_BYTES: Final = 1_000
KEY_PREFIX: Final = "trk_"

_HASHER = PasswordHasher(time_cost=3, memory_cost=64 << 10, parallelism=1)
"""argon2id as RFC 9106 recommends it where memory is scarce, but in one lane: about 0.1 s."""

_FREE_TRIES: Final = 5
_REMEMBERED: Final = 10_000
_LONGEST_ADDRESS: Final = 900.0  # seconds that an address waits at most
_LONGEST_ACCOUNT: Final = 30.0  # less, as others can make an account wait


def hash_password(password: str) -> str:
    """What is stored of a password; takes 64 MiB and a tenth of a second."""
    return _HASHER.hash(password)


def is_password(stored: str, password: str) -> bool:
    """Whether this is the password; without a stored one it takes as long, and is wrong."""
    try:
        _HASHER.verify(stored or _dummy(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored)


def _dummy() -> str:
    global _made  # noqa: PLW0603 - made when first needed: it costs a tenth of a second
    if not _made:
        _made = hash_password(secrets.token_hex())
    return _made


_made = ""


def new_key() -> str:
    """A key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> bytes:
    """What is stored of a key. It is random, so a quick hash does."""
    return hashlib.sha256(key.encode()).digest()


class Attempts:
    """Who has failed how often, and how long he must wait: twice as long after each failure.

    It remembers a bounded number of addresses and accounts, the latest. `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, uid: str, address: str) -> float:
        """Seconds until the next try is looked at; 0 is now."""
        now = self._clock()
        return max(0.0, self._until(_account(uid), _LONGEST_ACCOUNT) - now,
                   self._until(_network(address), _LONGEST_ADDRESS) - now)

    def failed(self, uid: str, address: str) -> None:
        """A try was in vain."""
        for name in (_account(uid), _network(address)):
            count, _ = self._failures.pop(name, (0, 0.0))
            self._failures[name] = (count + 1, self._clock())
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, uid: str, address: str) -> None:
        """That try was right: the account's failures are forgotten, of the address this one.

        The others of an address stay: a guesser may have an account of his own.
        """
        self._failures.pop(_account(uid), None)
        count, last = self._failures.get(_network(address), (0, 0.0))
        if count > 1:
            self._failures[_network(address)] = (count - 1, last)
        else:
            self._failures.pop(_network(address), None)

    def _until(self, name: str, longest: float) -> float:
        count, last = self._failures.get(name, (0, 0.0))
        if count < _FREE_TRIES:
            return 0.0
        until = last + min(2.0 ** min(count - _FREE_TRIES, 30), longest)
        if self._clock() > until + longest:  # long ago: forgiven
            del self._failures[name]
            return 0.0
        return until


def _account(uid: str) -> str:
    return "account " + hashlib.sha256(uid.encode("utf-8", "replace")).hexdigest()


def _network(address: str) -> str:
    """The address, of IPv6 its /64, which one customer has whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "address " + address[:100]
    if parsed.version == 6:
        return f"address {ip_network((parsed, 64), strict=False)}"
    return f"address {parsed}"
