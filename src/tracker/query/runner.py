"""Runs queries in a few threads; bounded in number, time, memory and bytes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar
from urllib.parse import quote

from tracker.errors import StoreUnavailable
from tracker.metrics import Histogram
from tracker.query.engine import Readable, Result, Session, Stream
from tracker.query.failure import QueryFailed, from_engine
from tracker.query.fence import Fence, Statement
from tracker.query.protocol import MAX_SQL_BYTES, Query, is_allowed
from tracker.query.turns import Turns
from tracker.settings import QuerySettings

T = TypeVar("T")

GRACE_SECONDS: Final = 2.0  # how long after its time the engine may end a query by itself
KILL_SECONDS: Final = 5.0  # how long a killed query may take to end

STREAMED: Final = frozenset({
    "csv", "jsoncompacteachrow", "jsoncompactstringseachrow", "jsoneachrow", "jsonl", "jsonlines",
    "jsonstringseachrow", "lineasstring", "msgpack", "native", "ndjson", "raw", "rowbinary",
    "tabseparated", "tabseparatedraw", "tskv", "tsv", "tsvraw",
})
"""Formats whose blocks, each formatted alone, make up the whole: no header, footer or comma."""


@dataclass(slots=True)
class Answer:
    """A query's result as it comes: the pieces, and what is known before the first is sent."""

    format: str
    timezone: str
    pieces: AsyncIterator[bytes]
    length: int | None = None  # None while the query still runs
    rows: int = 0
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a query is: rows read of about how many, seconds, bytes of memory."""

    read_rows: int
    total_rows: int
    seconds: float
    memory_bytes: int


@dataclass(slots=True)
class Counts:
    """Plain numbers for the metrics."""

    queries: int = 0
    failed: int = 0
    seconds: Histogram = field(default_factory=Histogram)
    running: int = 0
    stuck: int = 0  # threads whose query did not end when killed


@dataclass(slots=True, eq=False)
class _Run:
    """One query while it has a thread."""

    query: Query
    deadline: float
    reads: bool = False
    session: Session | None = None
    stream: Stream | None = None
    first: list[bytes] = field(default_factory=list)


class Runner:
    """Runs queries on sessions of their own, `settings.concurrent` at a time.

    All methods are called from one event loop; the engine is only called in the pool's threads.
    """

    def __init__(self, settings: QuerySettings, tables: Readable,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._tables = tables
        self._clock = clock
        self._threads = ThreadPoolExecutor(settings.concurrent, "query")
        self._killer = ThreadPoolExecutor(1, "query-kill")
        self._turns = Turns(settings.concurrent)
        self._fence: Fence | None = None
        self._timezone = "UTC"
        self._runs: set[_Run] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self.counts = Counts()

    async def close(self) -> None:
        """End what runs and let go of the threads; no query may come any more."""
        for run in list(self._runs):
            await self._in_killer(run)
        if self._closing:
            await asyncio.wait(self._closing, timeout=KILL_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._killer.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def run(self, query: Query) -> AsyncIterator[Answer]:
        """The answer to a query, which ends with the context; raises `QueryFailed`."""
        await self._turns.take()
        run = _Run(query, self._clock() + self._seconds(query) + GRACE_SECONDS)
        self._runs.add(run)
        self.counts.queries += 1
        self.counts.running += 1
        began = self._clock()
        try:
            yield await self._start(run)
        except QueryFailed:
            self.counts.failed += 1
            raise
        finally:
            self.counts.seconds.observe(self._clock() - began)
            closing = asyncio.create_task(self._end(run))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def progress(self, name: str) -> Progress | None:
        """How far the query is that its client calls `name`; None when none of that name runs."""
        run = next((run for run in self._runs if run.query.name == name), None)
        if run is None:
            return None
        loop = asyncio.get_running_loop()
        with suppress(RuntimeError, StoreUnavailable):
            return await loop.run_in_executor(self._killer, self._look, run)
        return None

    def _look(self, run: _Run) -> Progress | None:
        """In the killer's thread."""
        session = self._tables.reader("readonly=1")
        try:
            found = session.query(
                "SELECT read_rows, total_rows_approx, elapsed, memory_usage FROM system.processes"
                " WHERE Settings['log_comment'] = {id:String}", "TSV",
                params={"id": run.query.query_id}).bytes()
        finally:
            session.close()
        if not found:
            return None
        read, total, seconds, memory = found.split()
        return Progress(int(read), int(total), float(seconds), max(0, int(memory)))

    async def _end(self, run: _Run) -> None:
        """Close the query's session and let the next one in; a stuck thread keeps its turn."""
        try:
            with suppress(RuntimeError):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._close, run)
        finally:
            self._runs.discard(run)
            self.counts.running -= 1
            self._turns.give_back()

    def _close(self, run: _Run) -> None:
        stream, session, reads = run.stream, run.session, run.reads
        run.stream, run.session, run.reads = None, None, False
        try:
            if stream is not None:
                stream.close()
            if session is not None:
                session.close()
        finally:
            if reads:
                self._tables.leave()

    def _seconds(self, query: Query) -> float:
        wanted = _number(query.settings.get("max_execution_time", ""))
        return min(wanted or self._settings.seconds, self._settings.seconds)

    def _options(self, query: Query) -> str:
        """The settings of the query's session, as part of a connection string."""
        own = self._settings
        memory = _number(query.settings.get("max_memory_usage", "")) or own.memory_bytes
        result = _number(query.settings.get("max_result_bytes", "")) or own.result_bytes
        options: dict[str, str] = {
            "result_overflow_mode": "throw",
            **query.settings,
            "readonly": "1",
            "database": query.database,
            "dynamic_throw_on_type_mismatch": "0",
            "allow_suspicious_types_in_group_by": "1",  # GROUP BY params.status
            "allow_suspicious_types_in_order_by": "1",
            "max_execution_time": f"{max(1, round(self._seconds(query)))}",
            "timeout_overflow_mode": "throw",
            "max_memory_usage": f"{int(min(memory, own.memory_bytes))}",
            "max_result_bytes": f"{int(min(result, own.result_bytes))}",
            "max_query_size": f"{MAX_SQL_BYTES}",
            "max_temporary_data_on_disk_size_for_query": f"{own.spill_bytes}",
            "log_comment": query.query_id,
        }
        for name, most in (("max_block_size", 65_409), ("max_threads", 16)):
            if _number(options.get(name, "1")) > most:
                options[name] = str(most)
        return "&".join(f"{name}={quote(value)}" for name, value in options.items())

    async def _start(self, run: _Run) -> Answer:
        """Judge the query and fetch the first of its result, or all of it."""
        statement, result = await self._within(run, lambda: self._open(run))
        form = statement.format or run.query.default_format
        if result is not None:
            data = result.bytes() or b""
            return Answer(form, self._timezone, _pieces(data), len(data), result.rows_read(),
                          result.elapsed())
        if run.stream is None:
            data = b"".join(run.first)
            return Answer(form, self._timezone, _pieces(data), len(data))
        return Answer(form, self._timezone, self._rest(run))

    def _open(self, run: _Run) -> tuple[Statement, Result | None]:
        """In a thread: everything up to the first bytes of the answer."""
        query = run.query
        try:
            statement = self._judge(run)
            assert run.session is not None
            form = statement.format or query.default_format
            if statement.select and form.lower() in STREAMED:
                run.stream = run.session.send_query(statement.sql, form, query.params)
                _fill(run)
                return statement, None
            return statement, run.session.query(statement.sql, form, params=query.params)
        except (RuntimeError, StoreUnavailable) as error:
            raise from_engine(error.__cause__ or error) from None

    def _judge(self, run: _Run) -> Statement:
        """Open the session that the query is to run in, and see whether it may."""
        query = run.query
        try:
            self._tables.enter()
        except StoreUnavailable as error:
            raise QueryFailed(279, str(error)) from None
        run.reads = True
        run.session = self._tables.reader(self._options(query))
        if self._fence is None:
            self._fence = Fence(run.session)
            timezone = run.session.query("SELECT timezone()", "TSVRaw").bytes() or b"UTC"
            self._timezone = timezone.decode().strip()
        statement = self._fence.check(run.session, query.sql, query.params)
        own = {name: value for name, value in statement.settings.items() if is_allowed(name, value)}
        if own:
            run.session.close()
            wider = replace(query, settings={**query.settings, **own})
            run.session = self._tables.reader(self._options(wider))
        return statement

    async def _rest(self, run: _Run) -> AsyncIterator[bytes]:
        yield b"".join(run.first)
        sent = sum(map(len, run.first))
        while run.stream is not None:
            piece = await self._within(run, lambda: _next(run))
            sent += len(piece)
            if sent > self._settings.result_bytes:
                raise QueryFailed(396, f"The result is larger than {self._settings.result_bytes} "
                                       "bytes; use LIMIT, or aggregate")
            if piece:
                yield piece

    async def _within(self, run: _Run, work: Callable[[], T]) -> T:
        """Do `work` in a thread; kill the query when its time is over or nobody waits for it."""
        task = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.wait_for(asyncio.shield(task), run.deadline - self._clock())
        except (TimeoutError, asyncio.CancelledError) as stop:
            await self._kill(run, task)
            if isinstance(stop, TimeoutError):
                raise QueryFailed(159, "Timeout exceeded: the query was stopped after "
                                       f"{self._seconds(run.query):g} seconds") from None
            raise

    async def _kill(self, run: _Run, task: "asyncio.Future[T]") -> None:
        """Stop the engine's work; a thread that does not come back is counted as stuck."""
        await asyncio.shield(self._in_killer(run))
        done, _ = await asyncio.wait({task}, timeout=KILL_SECONDS)
        if not done:
            self.counts.stuck += 1
            task.add_done_callback(partial(self._unstuck, run))
        elif not task.cancelled():
            task.exception()  # it failed because it was killed

    def _unstuck(self, run: _Run, task: "asyncio.Future[T]") -> None:
        self.counts.stuck -= 1
        if not task.cancelled():
            task.exception()
        with suppress(RuntimeError):  # the pool is closed
            self._threads.submit(self._close, run)  # what it opened since its run ended

    async def _in_killer(self, run: _Run) -> None:
        with suppress(RuntimeError, StoreUnavailable):
            await asyncio.get_running_loop().run_in_executor(self._killer, self._kill_query, run)

    def _kill_query(self, run: _Run) -> None:
        """In the killer's thread."""
        session = self._tables.reader("readonly=1")
        try:
            session.query("KILL QUERY WHERE Settings['log_comment'] = {id:String} ASYNC",
                          params={"id": run.query.query_id})
        finally:
            session.close()


def _fill(run: _Run, enough: int = 1 << 20) -> None:
    """Fetch the first blocks of the stream, or all when they are few; then the stream is None."""
    size = 0
    while run.stream is not None and size < enough:
        piece = _next(run)
        run.first.append(piece)
        size += len(piece)


def _next(run: _Run) -> bytes:
    """In a thread: the next block, b"" at the end, when the stream becomes None."""
    assert run.stream is not None
    try:
        return next(run.stream).bytes() or b""
    except StopIteration:
        run.stream.close()
        run.stream = None
        return b""
    except RuntimeError as error:
        raise from_engine(error) from None


async def _pieces(data: bytes, size: int = 1 << 20) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), size):
        yield bytes(view[start:start + size])


def _number(text: str) -> float:
    """A setting's number; 0 where there is none."""
    with suppress(ValueError):
        return max(0.0, float(text))
    return 0.0

