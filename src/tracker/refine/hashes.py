"""Hashes of hosts, agents, addresses and people: the original's forms and keyed ones."""

import base64
import hashlib
import hmac

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_OFFSET, _PRIME = 2166136261, 16777619
_KEYED_BYTES = 16


def h36(text: str) -> str:
    """FNV-1a, 32 bits, over UTF-8, written in base 36."""
    value = _OFFSET
    for byte in text.encode():
        value = (value ^ byte) * _PRIME & 0xFFFFFFFF
    digits = ""
    while value:
        value, digit = divmod(value, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"


def legacy_address(address: str) -> str:
    """The original's hash of an address: unsalted, so whoever tries all addresses undoes it."""
    text = h36(address)
    for _ in range(3):
        text += h36(address + text)
    return text


def daily_salt(key: bytes, day: str) -> bytes:
    """What addresses are hashed with on one day; only the holder of `key` can make it."""
    return hmac.digest(key, b"address of " + day.encode(), "sha256")


def keyed_address(salt: bytes, address: str) -> str:
    """Hash of an address that nobody can undo by trying all addresses without the salt."""
    digest = hmac.digest(salt, address.encode(), "sha256")[:_KEYED_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def legacy_person(prefix: str, value: str) -> str:
    """The original's hash of an e-mail address, phone number or user name."""
    digest = hashlib.sha1((prefix + normal(value)).encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode()


def keyed_person(key: bytes, value: str) -> str:
    """Keyed hash of an e-mail address, phone number or user name."""
    return base64.urlsafe_b64encode(hmac.digest(key, normal(value).encode(), "sha256")).decode()


def normal(value: str) -> str:
    """The form in which personal text is hashed: trimmed, in lower case."""
    return value.strip().lower()


def account(host: str, mixer: str) -> str:
    """The account of a host, which `acct` must equal where AccountHashMixer is set."""
    return h36(host + mixer)
