"""Who may ask now: some at once, some wait for a while, the rest is turned away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tracker.query.failure import QueryFailed

WAITING: Final = 32  # queries that may wait for their turn
WAIT_SECONDS: Final = 10.0  # and for how long: a client rather comes again than waits


class Turns:
    """Lets `concurrent` in at a time; of one event loop."""

    def __init__(self, concurrent: int) -> None:
        self._concurrent = concurrent
        self._free = asyncio.Semaphore(concurrent)
        self.waiting = 0

    async def take(self) -> None:
        """Wait for a turn, neither long nor in a long queue; raises `QueryFailed`."""
        if self._free.locked() and self.waiting >= WAITING:
            raise self._busy()
        self.waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self.waiting -= 1

    def give_back(self) -> None:
        """Let the next one in."""
        self._free.release()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn that ends with the context."""
        await self.take()
        try:
            yield
        finally:
            self.give_back()

    def _busy(self) -> QueryFailed:
        return QueryFailed(202, f"Too many simultaneous queries: {self._concurrent} run and others"
                                " wait; try again soon")
