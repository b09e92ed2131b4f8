"""Ids of hits: the time in ticks of 100 ns, never twice, also when the clock steps back."""

import secrets
from collections.abc import Callable

GREGORIAN = 0x01B21DD213814000
"""Ticks from 1582-10-15, where the time of a version 1 UUID begins, to 1970."""


class Ticks:
    """Gives each hit an id greater in time than all before, with room for its events behind."""

    def __init__(self, tail: bytes, clock: Callable[[], int]) -> None:
        self._tail = tail
        self._clock = clock
        self._next = 0

    def take(self, events: int) -> tuple[int, bytes]:
        """Now in nanoseconds, and an id after which `events` ticks stay free."""
        now = self._clock()
        ticks = now // 100 + GREGORIAN
        if ticks < self._next:  # noqa: PLR1730 - twice as fast as max()
            ticks = self._next
        self._next = ticks + events + 1
        return now, ((ticks & 0xFFFFFFFF) << 32 | ticks >> 16 & 0xFFFF0000 | 0x1000
                     | ticks >> 48 & 0x0FFF).to_bytes(8, "big") + self._tail


def new_tail() -> bytes:
    """What ends the ids of one start of a process: clock sequence and node, both random."""
    tail = bytearray(secrets.token_bytes(8))
    tail[0] = tail[0] & 0x3F | 0x80  # the variant of RFC 9562
    tail[2] |= 0x01  # not the address of a network card
    return bytes(tail)
