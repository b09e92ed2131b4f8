"""What a line comes to: an event with all that its request would have told, or why it is none."""

from typing import NamedTuple


class Event(NamedTuple):
    """A line that is an event.

    `received`  nanoseconds since 1970, UTC
    `address`   the client's in canonical text, or a hash that stands for it; "" when unknown
    `server`    it counts as sent by a server
    `host`      that was asked; "" when unknown
    `agent`     the User-Agent header; "" when there was none
    `body`      a JSON object
    """

    received: int
    address: str
    server: bool
    host: str
    agent: str
    body: bytes


class NoEvent(NamedTuple):
    """Why a line is none, in a few words."""

    reason: str


TOO_LONG = NoEvent("the line is too long")
