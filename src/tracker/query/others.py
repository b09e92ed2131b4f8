"""Queries of stores other than the embedded engine: run by the store, formatted here."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import pyarrow as pa

from tracker.errors import QueryRefused, StoreUnavailable
from tracker.query.failure import QueryFailed
from tracker.query.protocol import Query
from tracker.query.render import renderer, split_format
from tracker.query.runner import Answer
from tracker.settings import QuerySettings
from tracker.stores.base import Reader

CONCURRENT: Final = 2  # each holds its whole result in memory


class Others:
    """The stores that a query can name."""

    def __init__(self, readers: Mapping[str, Reader], settings: QuerySettings) -> None:
        self._readers = readers
        self._settings = settings
        self._free = asyncio.Semaphore(CONCURRENT)

    async def answer(self, store: str, query: Query) -> Answer:
        """The answer of a store; raises `QueryFailed`."""
        reader = self._readers.get(store)
        if reader is None:
            known = ", ".join(self._readers) or "none besides the embedded one"
            raise QueryFailed(36, f"There is no store {store[:100]} to ask; there is: {known}")
        statement = split_format(query.sql, query.default_format)
        render = renderer(statement.format)
        started = time.monotonic()
        async with self._free:
            table = await self._ask(reader, statement.sql, query.params)
        return Answer(statement.format, "UTC", _pieces(render(table)), rows=table.num_rows,
                      elapsed=time.monotonic() - started)

    async def _ask(self, reader: Reader, sql: str, params: Mapping[str, str]) -> pa.Table:
        try:
            return await asyncio.to_thread(reader.query, sql, params, self._settings.seconds,
                                           self._settings.result_bytes)
        except QueryRefused as error:
            raise QueryFailed(36, str(error)) from None
        except StoreUnavailable as error:
            raise QueryFailed(210, str(error)) from None


async def _pieces(rendered: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece made in a thread, so that a large result holds nobody up."""
    while (piece := await asyncio.to_thread(next, rendered, None)) is not None:
        yield piece
