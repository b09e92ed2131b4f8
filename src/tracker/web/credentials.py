"""Who asks: what a request shows of itself, in its header or, as the original has it, its path."""

import base64
import binascii

from tracker.errors import RequestRefused
from tracker.registry.calls import Credential

_LONGEST = 4_000


def from_header(value: str, address: str) -> Credential:
    """The credential in an `Authorization` header; raises `RequestRefused` where there is none."""
    scheme, _, rest = value.partition(" ")
    rest = rest.strip()
    if len(rest) <= _LONGEST:
        if scheme.lower() == "bearer" and rest:
            return Credential(address, key=rest)
        if scheme.lower() == "basic":
            uid, colon, password = _basic(rest)
            if colon and uid and password:
                return Credential(address, uid=uid, password=password)
    raise RequestRefused(401, "not_authenticated", "Send a key as Authorization: Bearer …, or an"
                         " account and its password as Basic.")


def _basic(text: str) -> tuple[str, str, str]:
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", "", ""
