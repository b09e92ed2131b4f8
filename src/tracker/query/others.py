"""Queries of stores other than the embedded engine: run beside the store, formatted here."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from tracker.query.inside import CONCURRENT
from tracker.query.link import Link
from tracker.query.protocol import Query
from tracker.query.render import renderer, split_format
from tracker.query.runner import Answer
from tracker.query.turns import Turns
from tracker.settings import QuerySettings


class Others:
    """The stores that a query can name."""

    def __init__(self, link: Link, settings: QuerySettings) -> None:
        self._link = link
        self._settings = settings
        self._turns = Turns(CONCURRENT)

    async def answer(self, store: str, query: Query) -> Answer:
        """The answer of a store; raises `QueryFailed`."""
        statement = split_format(query.sql, query.default_format)
        render = renderer(statement.format)
        started = time.monotonic()
        async with self._turns.one():
            table = await self._link.ask(store, statement.sql, query.params,
                                         self._settings.seconds, self._settings.result_bytes)
        return Answer(statement.format, "UTC", _pieces(render(table)), rows=table.num_rows,
                      elapsed=time.monotonic() - started)


async def _pieces(rendered: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece made in a thread, so that a large result holds nobody up."""
    while (piece := await asyncio.to_thread(next, rendered, None)) is not None:
        yield piece
