"""What only the store process can do for the query process, by a socket in the data directory.

A request and an answer, each a length and MessagePack; rows follow as Arrow streams, each with a
length too, the last of length zero.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import msgspec
import pyarrow as pa

from tracker.errors import QueryRefused, StoreUnavailable
from tracker.query.failure import QueryFailed
from tracker.stores.base import Reader
from tracker.wire import framed, packed, receive

CONCURRENT: Final = 2  # queries of other stores; each holds its whole result in memory

_ROWS: Final = 10_000  # of one piece
_NICENESS: Final = 19


class Wanted(msgspec.Struct, frozen=True):
    """Wait until all has landed; or, where a store is named, its rows for a statement."""

    seconds: float
    store: str = ""
    sql: str = ""
    params: dict[str, str] = {}
    result_bytes: int = 0


class Told(msgspec.Struct, frozen=True):
    """How it went: `code` is 0, or that of ClickHouse's error with its `message`."""

    code: int = 0
    message: str = ""


class Inside:
    """Answers the query process, in the store process's event loop.

    `flush` returns when all acknowledged so far has landed, or raises TimeoutError after so many
    seconds. `readers` are the stores that can be asked here and nowhere else.
    """

    def __init__(self, flush: Callable[[float], Awaitable[None]],
                 readers: Mapping[str, Reader]) -> None:
        self._flush = flush
        self._readers = readers
        self._threads = ThreadPoolExecutor(CONCURRENT, "asked", initializer=_step_back)

    async def answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Answer one request; a connection carries one."""
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                rows = await self._rows(await receive(source, Wanted))
                sink.write(packed(Told()))
                for piece in rows:
                    sink.write(piece)
                    await sink.drain()
                sink.write(framed(b""))
            except QueryFailed as failure:
                sink.write(packed(Told(failure.code, failure.message)))
            await sink.drain()
            sink.close()
            await sink.wait_closed()

    def close(self) -> None:
        """No request may come any more; what runs ends by its own time."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _rows(self, wanted: Wanted) -> Iterator[bytes]:
        if not wanted.store:
            try:
                await self._flush(wanted.seconds)
            except TimeoutError:
                raise QueryFailed(159, "Timeout exceeded: not everything has landed after "
                                       f"{wanted.seconds:g} seconds; look at /health") from None
            return iter(())
        reader = self._readers.get(wanted.store)
        if reader is None:
            known = ", ".join(self._readers) or "none besides the embedded one"
            raise QueryFailed(36, f"There is no store {wanted.store[:100]} to ask; there is: "
                                  f"{known}")
        try:
            return _pieces(await asyncio.get_running_loop().run_in_executor(
                self._threads, reader.query, wanted.sql, wanted.params, wanted.seconds,
                wanted.result_bytes))
        except QueryRefused as error:
            raise QueryFailed(36, str(error)) from None
        except StoreUnavailable as error:
            raise QueryFailed(279, str(error)) from None


def _pieces(table: pa.Table) -> Iterator[bytes]:
    """The rows in framed Arrow streams; the first has the columns also where there are no rows."""
    batches = table.to_batches(max_chunksize=_ROWS) or [
        pa.RecordBatch.from_pylist([], schema=table.schema)]
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_batch(batch)
        yield framed(sink.getvalue().to_pybytes())


def _step_back() -> None:
    """Let landing go first: a thread that answers queries is the last to get the processor."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
