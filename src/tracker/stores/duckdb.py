"""A DuckDB file that this process alone holds open: rows and their account in one transaction."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tracker.batch import Batch, Manifest, account_row, events_of, kinds_of
from tracker.errors import BatchRefused, ExtraMissing, QueryRefused, StoreError, StoreUnavailable
from tracker.machine import machine_bytes
from tracker.schema import duckdb as dialect
from tracker.schema.tables import DERIVED, FED
from tracker.schema.tables.core import ACCOUNTING, EVENTS
from tracker.settings import StoreSettings
from tracker.stores.duckfence import reading, table_functions
from tracker.stores.duckmemory import CREATE, MEMORY_BYTES, room_for, without_large

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OPTIONS: dict[str, str | int | bool | float | list[str]] = {
    "threads": 1,
    "memory_limit": f"{MEMORY_BYTES}B",
    "checkpoint_threshold": "64MB",  # at the usual 16 MB, checkpoints cost as much as all else
    "max_temp_directory_size": "4GB",
    "preserve_insertion_order": False,
    # Readers get at the tables and at nothing else.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
_FENCE = ("SET GLOBAL TimeZone = 'UTC'", "SET enable_external_access = false",
          "SET lock_configuration = true")
_SOURCE = "batch_rows"
_END_SECONDS = 5.0  # for queries to end that make way for landing
_LOOK_SECONDS = 0.05
_MEMORY = re.compile(r"Out of Memory Error|could not allocate|failed to (?:allocate|pin)")
_HOLDER = re.compile(r"held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")


class _TooLittleMemory(StoreUnavailable):
    """The rows did not fit into the memory that was free."""


@dataclass(eq=False, slots=True)
class _Reading:
    """A query that runs; `ended` is whether it had to make way for landing."""

    cursor: "DuckDBPyConnection"
    ended: bool = False


class DuckStore:
    """Lands batches in `{directory}/{context}.duckdb`; other threads may `query` meanwhile."""

    def __init__(self, settings: StoreSettings, directory: Path) -> None:
        self.name = settings.name
        self._path = directory / f"{settings.context}.duckdb"
        self._connection: DuckDBPyConnection | None = None
        self._functions: frozenset[str] = frozenset()  # the engine's, that make tables
        self._life = threading.Condition()  # of the connection and its readers, not of their use
        self._readings: set[_Reading] = set()
        self._alone_for = 0  # how many want no reader

    def open(self) -> None:
        """Open the file, make what is missing in it; raises `StoreUnavailable`, `ExtraMissing`."""
        self.close()
        with self._life, _meanings():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._connection = self._made()
            except _TooLittleMemory:
                _checkpoint_with_more(self._path)
                self._connection = self._made()

    def _made(self) -> "DuckDBPyConnection":
        with _meanings():
            connection = _connect(self._path)
            try:
                with _transaction(connection):
                    _bring_up_to_date(connection)
                self._functions = table_functions(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    def land(self, batch: Batch) -> None:
        """Insert the rows of a batch, or of a part of one, unless they are in."""
        try:
            self._write(batch)
        except _TooLittleMemory as error:
            if batch.table.num_rows > 1:  # its parts may fit
                raise BatchRefused(str(error)) from error
            with self._alone():
                self._land_alone(batch)

    def _write(self, batch: Batch) -> None:
        connection = self._opened()
        try:
            with _meanings(), _transaction(connection):
                _land(connection, batch)
        except StoreUnavailable:
            self.close()  # a failed write may have made the open database unusable
            raise

    def _opened(self) -> "DuckDBPyConnection":
        if self._connection is None:  # let go after a failure
            self.open()
        assert self._connection is not None
        return self._connection

    def _land_alone(self, batch: Batch) -> None:
        """Land one row with all memory free; it is to blame only if it would fit without its
        large values."""
        self.close()
        _checkpoint_with_more(self._path)  # else what the log alone has takes memory
        try:
            self._write(batch)
        except _TooLittleMemory as error:
            if self._fits(without_large(batch.table), batch):
                raise BatchRefused(str(error)) from error
            raise

    def _fits(self, rows: pa.Table, batch: Batch) -> bool:
        """Whether there is memory to insert these rows; nothing of them stays."""
        connection = self._opened()
        try:
            with _meanings(), _rolled_back(connection):
                _insert(connection, replace(batch, table=rows))
        except _TooLittleMemory:
            return False
        finally:
            self.close()
        return True

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """End the queries that run and let others wait: all memory is free, and the engine ends
        with its last connection."""
        until = time.monotonic() + _END_SECONDS
        with self._life:
            self._alone_for += 1
            while self._readings and time.monotonic() < until:
                for reading in self._readings:
                    reading.ended = True
                    reading.cursor.interrupt()
                self._life.wait(_LOOK_SECONDS)
        try:
            yield
        finally:
            with self._life:
                self._alone_for -= 1
                self._life.notify_all()

    def check(self) -> None:
        """A failed write is told by the transaction it belongs to."""

    def query(self, sql: str, params: Mapping[str, str], seconds: float, result_bytes: int
              ) -> pa.Table:
        """The rows of one reading statement; for threads other than the courier's.

        `params` fill `$name` in the statement; those it does not name are left out.
        Raises `QueryRefused` for what may not or cannot be run, `StoreUnavailable` when closed.
        """
        with self._life:
            if not self._life.wait_for(lambda: not self._alone_for, seconds) \
                    or self._connection is None:
                raise StoreUnavailable(f"{self.name} is not open")
            reading = _Reading(self._connection.cursor())
            self._readings.add(reading)
        timer = threading.Timer(seconds, reading.cursor.interrupt)
        timer.start()
        try:
            return _read(reading.cursor, self._functions, sql, params,
                         _Bounds(seconds, result_bytes))
        except QueryRefused:
            if reading.ended:
                raise QueryRefused("the query was ended, as landing had to begin anew; ask again"
                                   ) from None
            raise
        finally:
            timer.cancel()
            reading.cursor.close()
            with self._life:
                self._readings.discard(reading)
                self._life.notify_all()

    def close(self) -> None:
        """Let go of the file, so that another process may have it."""
        with self._alone(), self._life:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _checkpoint_with_more(path: Path) -> None:
    """Bring what the log alone has into the file, with as much memory as that takes.

    Raises `StoreUnavailable` where half of the machine's does not do.
    """
    most = machine_bytes() // 2
    memory = min(4 * MEMORY_BYTES, most)
    while True:
        try:
            with _meanings(), contextlib.closing(_connect(path, memory)) as connection:
                connection.execute("CHECKPOINT")
                return
        except _TooLittleMemory:
            if memory >= most:
                raise
            memory = min(2 * memory, most)


def _connect(path: Path, memory: int | None = None) -> "DuckDBPyConnection":
    try:
        import duckdb  # noqa: PLC0415 - an extra, and 50 MB
    except ImportError:
        raise ExtraMissing('service "duckdb"', "duckdb") from None
    more = {} if memory is None else {"memory_limit": f"{memory}B"}
    connection = duckdb.connect(str(path), config=_OPTIONS | more)
    for statement in _FENCE:
        connection.execute(statement)
    return connection


def _bring_up_to_date(connection: "DuckDBPyConnection") -> None:
    """Make tables and columns that are missing, and all views anew; nothing is ever dropped."""
    connection.execute(dialect.LANDED)
    connection.execute(CREATE)
    for table in dialect.stored():
        connection.execute(dialect.create_table(table))
        present = {row[0] for row in connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [table.name]
        ).fetchall()}
        for statement in dialect.add_columns(table, present):
            connection.execute(statement)
    for statement in dialect.views():
        connection.execute(statement)


def _land(connection: "DuckDBPyConnection", batch: Batch) -> None:
    first, behind = batch.span or (0, batch.table.num_rows)
    landed = _landed(connection, batch)
    if any(start <= first and behind <= end for start, end in landed):
        return
    if any(start < behind and first < end for start, end in landed):
        raise BatchRefused("parts of these rows have landed; the others come as parts too")
    if not landed:
        _account(connection, batch.manifest)
    if behind > first:
        _insert(connection, batch)
    connection.execute("INSERT INTO landed VALUES (?, ?, ?, ?)",
                       [batch.manifest.sequencer, batch.n, first, behind])


def _landed(connection: "DuckDBPyConnection", batch: Batch) -> list[tuple[int, int]]:
    return connection.execute(
        "SELECT first_row, behind_row FROM landed WHERE batch = ? AND sequencer = ?",
        [batch.n, batch.manifest.sequencer]).fetchall()


def _insert(connection: "DuckDBPyConnection", batch: Batch) -> None:
    named = [batch.manifest.sequencer, batch.n]
    events = events_of(batch.table)
    with _source(connection, events) as columns:
        with room_for(connection, EVENTS.name, events, EVENTS.names):
            connection.execute(dialect.insert(EVENTS, _SOURCE, columns), named)
        for derived in DERIVED:
            if derived.private:
                connection.execute(dialect.merge(derived, _SOURCE))
    kinds = kinds_of(batch.table)
    feeds = [fed for fed in FED if fed.kind in kinds]
    if feeds:
        with _source(connection, batch.table):
            for fed in feeds:
                rows = batch.table.filter(pc.equal(batch.table["kind"], fed.kind))
                with room_for(connection, fed.table.name, rows, ("extra", *fed.shared)):
                    connection.execute(dialect.feed(fed, _SOURCE), named)


@contextlib.contextmanager
def _source(connection: "DuckDBPyConnection", table: pa.Table) -> Iterator[list[str]]:
    """Rows that statements find under a name; gives their columns."""
    rows = _without_zone(table)
    connection.register(_SOURCE, rows)
    try:
        yield rows.column_names
    finally:
        connection.unregister(_SOURCE)


def _without_zone(table: pa.Table) -> pa.Table:
    """Times as DuckDB keeps them here: UTC, without saying so."""
    for at, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            plain = table.column(at).cast(pa.timestamp(column.type.unit))
            table = table.set_column(at, column.name, plain)
    return table


def _account(connection: "DuckDBPyConnection", manifest: Manifest) -> None:
    values = account_row(manifest)
    marks = ", ".join("?" * len(ACCOUNTING.names))
    connection.execute(f"INSERT INTO accounting ({', '.join(ACCOUNTING.names)}) VALUES ({marks})",
                       [values[name] for name in ACCOUNTING.names])


@contextlib.contextmanager
def _transaction(connection: "DuckDBPyConnection") -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # after some failures there is none left to end
            connection.rollback()
        raise
    connection.commit()


@contextlib.contextmanager
def _rolled_back(connection: "DuckDBPyConnection") -> Iterator[None]:
    connection.begin()
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # after some failures there is none left to end
            connection.rollback()


@contextlib.contextmanager
def _meanings() -> Iterator[None]:
    """What the driver and the disk raise, as what is done next."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreUnavailable(f"{error.filename}: {error.strerror}") from error
    except Exception as error:
        import duckdb  # noqa: PLC0415 - it is there, else nothing came this far

        if not isinstance(error, duckdb.Error):
            raise
        message = " ".join(str(error).split())[:300]
        if isinstance(error, duckdb.DataError):
            raise BatchRefused(message) from error
        if _MEMORY.search(message):  # of several kinds: a commit may lack it too
            raise _TooLittleMemory(message) from error
        raise StoreUnavailable(_with_holder(message)) from error


def _with_holder(message: str) -> str:
    holder = _HOLDER.search(message)
    if holder is None:
        return message
    return (f"another process has the file open: {holder['program']}, process {holder['pid']};"
            " end it, or give it a copy")


class _Bounds(NamedTuple):
    seconds: float
    result_bytes: int


def _read(reader: "DuckDBPyConnection", known: frozenset[str], sql: str,
          params: Mapping[str, str], bounds: _Bounds) -> pa.Table:
    import duckdb  # noqa: PLC0415 - as above

    try:
        statement = reading(reader, sql, known)
        reader.execute("BEGIN TRANSACTION READ ONLY")
        given = {name: params[name] for name in statement.named_parameters if name in params}
        result = reader.execute(statement, given or None).to_arrow_reader(8192)
        return _bounded(result, bounds.result_bytes)
    except duckdb.InterruptException:
        raise QueryRefused(f"the query ran longer than {bounds.seconds:g} seconds") from None
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # the last two: while it streams
        raise QueryRefused(str(error)) from error


def _bounded(result: pa.RecordBatchReader, most: int) -> pa.Table:
    pieces, size = [], 0
    for piece in result:
        size += piece.nbytes
        if size > most:
            raise QueryRefused(f"the result is larger than {most} bytes; add a LIMIT")
        pieces.append(piece)
    return pa.Table.from_batches(pieces, result.schema)
