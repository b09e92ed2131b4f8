"""The default store: ClickHouse embedded in the store process."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from tracker.batch import Batch, Manifest, account_row, kinds_of
from tracker.errors import BatchRefused, StoreDamaged, StoreUnavailable
from tracker.kinds import EVENT_KINDS
from tracker.schema import clickhouse, migrations
from tracker.schema.table import Derived, Fed
from tracker.schema.tables import DERIVED, FED
from tracker.schema.tables.core import BATCH
from tracker.stores.engine import Engine, Session, brief, code_name, rows_of
from tracker.stores.mending import has_rows, mend, mend_account, mend_fed
from tracker.stores.parts import Parts, named
from tracker.stores.replica import publish

_ONE_BLOCK = 1 << 20  # rows; far above any batch, so that an insert is one block everywhere

_SHAPE = {
    # One token, one block: the same rows in other blocks would land twice.
    "async_insert": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_parallel_parsing": 0,
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_block_size": _ONE_BLOCK,
    "max_insert_block_size": _ONE_BLOCK,
    "min_insert_block_size_rows": _ONE_BLOCK,
    "min_insert_block_size_bytes": 0,
    "group_by_two_level_threshold": 0,
    "group_by_two_level_threshold_bytes": 0,
    "parallel_view_processing": 0,
    "optimize_on_insert": 1,
    # A client's clock may spread a batch over many months.
    "max_partitions_per_insert_block": 0,
    # {"a.b": 1, "a": {"b": 2}} names one path twice; the first is kept, the row lands.
    "type_json_skip_duplicated_paths": 1,
    # Text stays text as it was sent: "2024-01-01T00:00:00Z" is not spelled anew as a time.
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "input_format_arrow_allow_missing_columns": 1,
    "materialize_statistics_on_insert": 0,
    "log_queries": 0,
}
"""Constants for all time: a batch that lands again after an upgrade must be cut the same way."""

_BATCH = tuple(column.name for column in BATCH)

_DATA_ERRORS = frozenset({
    "ARGUMENT_OUT_OF_BOUND", "CANNOT_CONVERT_TYPE", "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    "DECIMAL_OVERFLOW", "INCORRECT_DATA", "TOO_DEEP_RECURSION", "TOO_LARGE_ARRAY_SIZE",
    "TOO_LARGE_STRING_SIZE", "UNEXPECTED_DATA_AFTER_PARSED_VALUE",
    "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
})


_DAMAGE = frozenset({
    "BAD_SIZE_OF_FILE_IN_DATA_PART", "BROKEN_PROJECTION", "CANNOT_READ_ALL_DATA",
    "CHECKSUM_DOESNT_MATCH", "CORRUPTED_DATA", "NO_FILE_IN_DATA_PART",
    "UNEXPECTED_FILE_IN_DATA_PART",
})
"""A full disk can leave a part with empty files. At its next start the engine sets it aside, and
the batch that was in hand is made whole."""


class ChdbStore:
    """Lands batches in an `Engine`; `told`, a file, tells readers of its tables (`Replica`)."""

    def __init__(self, name: str, engine: Engine, database: str = clickhouse.DATABASE,
                 told: Path | None = None) -> None:
        self.name = name
        self._engine = engine
        self.database = database
        self._told = told
        self._session: Session = None
        self._parts = Parts(self.rows, database)
        self._is_sure = False  # that no earlier try left a batch half landed

    def open(self) -> None:
        """Start the engine where it does not run yet and bring the schema up to date."""
        if self._session is None:
            self._session = self._engine.session()
        self._is_sure = False
        migrations.apply(self, self.database)
        migrations.check_window(self, self.database)
        if self._told is not None:
            publish(self, self._told)

    def land(self, batch: Batch) -> None:
        """Insert the batch into `events` and its views, then what has columns of its own."""
        # Before a part came the whole, which may have been refused half-way.
        sure, self._is_sure = self._is_sure and batch.span is None, False
        kinds = kinds_of(batch.table)
        if kinds & EVENT_KINDS:
            events = _rows(batch) if kinds <= EVENT_KINDS else clickhouse.of_events(_rows(batch))
            if sure or not has_rows(self, batch, "events", events):
                self._insert_events(batch, events)
                for derived in DERIVED:
                    if _has_private(batch, derived):
                        self._insert_derived(derived, batch, events)
            if not sure:
                mend(self, batch, events, lambda derived: _has_private(batch, derived))
        for fed in FED:
            if fed.kind in kinds:
                self._feed(fed, batch, sure=sure)
        self._insert_account(batch.manifest, sure=sure)
        self.check()  # the engine does not say when the disk was full
        self._is_sure = True

    def check(self) -> None:
        """Look at the parts that were made lately; raises `StoreDamaged`."""
        if self._session is not None and (short := self._parts.lately_cut_off()):
            raise StoreDamaged(f"parts have fewer bytes than they should: {named(short)};"
                               " a full disk may have cut them off")

    def close(self) -> None:
        """End the session; the engine goes on for its readers."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def execute(self, statement: str) -> None:
        """Run a statement that returns nothing of interest."""
        self.rows(statement)

    def rows(self, query: str) -> list[dict[str, object]]:
        """Run a statement; its rows by column name."""
        if self._session is None:
            raise StoreUnavailable(f"{self.name} is closed")
        try:
            return rows_of(self._session, query)
        except RuntimeError as error:
            raise _meaning(error) from error

    def _insert_events(self, batch: Batch, events: str) -> None:
        names = clickhouse.event_names()
        self._insert("events", (*names, *_BATCH),
                     f"SELECT {_names(names)}, {_named(batch)} FROM {events}",
                     batch.token("events"))

    def _insert_derived(self, derived: Derived, batch: Batch, events: str) -> None:
        name = derived.table.name
        self._insert(name, derived.table.names, derived.select(events), batch.token(name))

    def _feed(self, fed: Fed, batch: Batch, *, sure: bool) -> None:
        names = clickhouse.fed_names(fed)
        rows = _rows(batch)
        made = clickhouse.feed(fed, rows)
        select = f"SELECT {_names(names)}, {_named(batch)} FROM ({made})"
        name = fed.table.name
        if sure or not has_rows(self, batch, name, rows):
            self._insert(name, (*names, *_BATCH), select, batch.token(name))
        if not sure:
            mend_fed(self, fed, batch, select)

    def _insert_account(self, manifest: Manifest, *, sure: bool) -> None:
        row = account_row(manifest)
        literals = map(_literal, row.values())
        select = f"SELECT {', '.join(literals)}"
        if sure:
            token = f"{manifest.sequencer}:{manifest.n}:accounting"
            self._insert("accounting", tuple(row), select, token)
        else:
            mend_account(self, manifest, _names(tuple(row)), select)

    def _insert(self, table: str, names: Sequence[str], select: str, token: str) -> None:
        settings = _SHAPE | {"insert_deduplication_token": token}
        self.execute(f"INSERT INTO {self.database}.{table} ({_names(names)})"
                     f" SETTINGS {_listed(settings)} {select}")


def _literal(value: int | str | datetime) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        value = value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return clickhouse.text(value)


def _has_private(batch: Batch, derived: Derived) -> bool:
    """Whether any row says something for a table that is fed from the file.

    Most batches have none, and an insert of none costs.
    """
    column = derived.private
    return column is not None and column in batch.table.column_names and bool(
        pc.any(pc.not_equal(batch.table[column], "")).as_py())


def _rows(batch: Batch) -> str:
    """The rows of a batch as a source of a query: the file, read by the engine itself."""
    path = clickhouse.text(str(batch.path.absolute()))
    source = f"file({path}, 'Arrow', {clickhouse.text(clickhouse.file_structure())})"
    if batch.span is None:
        return source
    first, behind = batch.span
    return f"(SELECT * FROM {source} LIMIT {behind - first} OFFSET {first})"


def _named(batch: Batch) -> str:
    """The columns `_BATCH` of a batch."""
    return (f"{clickhouse.text(batch.manifest.sequencer)} AS sequencer,"
            f" {batch.manifest.n} AS batch")


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(clickhouse.quoted, names))


def _listed(settings: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} = {value if isinstance(value, int) else clickhouse.text(str(value))}"
        for name, value in settings.items())


def _meaning(error: RuntimeError) -> BatchRefused | StoreUnavailable:
    """Whether these rows will never do, or the store cannot take any now."""
    name = code_name(error)
    if name in _DATA_ERRORS or name.startswith("CANNOT_PARSE"):
        return BatchRefused(brief(error))
    return StoreDamaged(brief(error)) if name in _DAMAGE else StoreUnavailable(brief(error))

