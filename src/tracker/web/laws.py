"""Gives the list of laws to SQL: when it is first asked for, and when it has changed since."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from tracker.door.door import Door
from tracker.errors import SpoolUnavailable
from tracker.hit import encode_hit
from tracker.jurisdictions import Jurisdiction
from tracker.jurisdictions.rows import following, hit_of, published, remember
from tracker.web.durable import Durable


class Laws:
    """`stamp` gives time and id of a hit with so many events."""

    def __init__(self, door: Door, directory: Path,
                 stamp: Callable[[int], tuple[int, bytes]]) -> None:
        self._door = door
        self._directory = directory
        self._stamp = stamp
        self._turn = asyncio.Lock()
        self._given: list[Jurisdiction] | None = None

    async def give(self, entries: list[Jurisdiction]) -> None:
        """Return when the list is on its way into SQL; where it cannot be, the next time tries."""
        if entries is self._given:
            return
        async with self._turn:
            with contextlib.suppress(SpoolUnavailable, OSError):
                await self._give(entries)
                self._given = entries

    async def _give(self, entries: list[Jurisdiction]) -> None:
        before = published(self._directory)
        now = following(before, entries)
        if now is None:
            return
        hit = hit_of(before, now, entries, *self._stamp(len(entries) + len(before.keys)))
        durable = Durable()
        self._door.append(encode_hit(hit), durable, hit.events)
        await durable.wait()
        await asyncio.to_thread(remember, self._directory, now)
