"""Waits until what was appended to the spool is durable."""

import asyncio

from tracker.errors import SpoolUnavailable


class Durable:
    """Waits for one hit, as a connection of the door does."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settled(self, error: SpoolUnavailable | None) -> None:
        """The hit is durable, or with `error` was not accepted."""
        if self._future.done():
            return
        if error is None:
            self._future.set_result(None)
        else:
            self._future.set_exception(error)

    def abort(self) -> None:
        """Answering failed."""
        self._future.cancel()

    async def wait(self) -> None:
        """Return when the hit is durable; raises `SpoolUnavailable`."""
        await self._future
