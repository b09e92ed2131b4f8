"""What a connection of the door can wait for."""

from enum import IntEnum


class State(IntEnum):
    """What a connection waits for."""

    READY = 0
    """The first bytes of a request."""
    HEAD = 1
    BODY = 2
    SPOOL = 3
    """A hit to be durable. One at a time, so that answers keep the order of their requests."""
    DRAIN = 4
    """The client to take its last answer and hang up."""
    GONE = 5


# As plain names: a member looked up in its class costs the hot path several times as much.
READY, HEAD, BODY, SPOOL, DRAIN, GONE = State
