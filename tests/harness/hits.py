"""Hits as the door makes them, for tests that begin behind it."""

import json
import uuid
from typing import Any

from tracker.hit import Hit, Route, Shape, encode_hit

NOON = 1_750_000_000_000_000_000  # nanoseconds since 1970; 2025-06-15


def hit(*events: dict[str, Any], number: int = 1, received: int = NOON) -> Hit:
    """One POST of a JSON array to /tr/."""
    return Hit(
        id=uuid.UUID(int=(number << 96) | (0x1 << 76) | (0x2 << 62), version=1).bytes,
        received=received, route=Route.TR, address="192.0.2.1",
        head=b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: example.com\r\n",
        body=json.dumps(list(events)).encode(), shape=Shape.ARRAY, events=len(events))


def record(*events: dict[str, Any], number: int = 1, received: int = NOON) -> bytes:
    """The spool record of such a hit."""
    return encode_hit(hit(*events, number=number, received=received))
