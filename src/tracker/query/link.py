"""The query process's side of `inside`: what it asks of the store process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from tracker.query.failure import QueryFailed
from tracker.query.inside import Told, Wanted
from tracker.wire import packed, piece, receive

GRACE_SECONDS: Final = 5.0  # for the way, above the time that the store process has itself


class Link:
    """Asks over a connection each; one waits while the store process starts again.

    `path` may be relative to the working directory: that of a socket has about 100 bytes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def flush(self, seconds: float) -> None:
        """Return when all acknowledged before has landed; raises `QueryFailed`."""
        async with self._asked(Wanted(seconds)):
            pass

    async def ask(self, store: str, sql: str, params: Mapping[str, str], seconds: float,
                  result_bytes: int) -> pa.Table:
        """A store's rows for one statement; raises `QueryFailed`."""
        wanted = Wanted(seconds, store, sql, dict(params), result_bytes)
        tables = []
        async with self._asked(wanted) as source:
            while content := await piece(source):
                tables.append(pa.ipc.open_stream(content).read_all())
        return pa.concat_tables(tables)

    @asynccontextmanager
    async def _asked(self, wanted: Wanted) -> AsyncIterator[asyncio.StreamReader]:
        """Where the rows come from, after the answer has said that it is one."""
        sink = None
        try:
            async with asyncio.timeout(wanted.seconds + GRACE_SECONDS):
                source, sink = await asyncio.open_unix_connection(str(self._path))
                sink.write(packed(wanted))
                told = await receive(source, Told)
                if told.code:
                    raise QueryFailed(told.code, told.message)
                yield source
        except TimeoutError:
            raise QueryFailed(159, "Timeout exceeded: the store process does not answer; look at "
                                   "/health") from None
        except (OSError, asyncio.IncompleteReadError):
            raise QueryFailed(279, "The store process ended before it had answered; try again"
                              ) from None
        finally:
            if sink is not None:
                sink.close()
