"""Makes a batch whole in ClickHouse that an earlier life of the process may have half landed.

The engine writes the token of a part before it puts the part in place. Killed between the two, it
takes the replayed part for one that it has: rows are missing, now and then, in one partition of
one table. So the first batch landed after a start or a failure is compared with its rows, table
by table, and what is missing is put in. Each step looks first, so it may be cut off and repeated.

A power cut does the opposite: the engine syncs parts, but not the file with their tokens, so a part
can be there whose token is not. So that batch is not inserted again where any of it is there. Its
events stand for all of it: the engine syncs them before it begins with what is derived from them.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

import pyarrow.compute as pc
import structlog

from tracker.batch import Batch, Manifest
from tracker.schema import clickhouse
from tracker.schema.table import Derived, Fed, Keep, Table
from tracker.schema.tables import DERIVED

_ANEW = "SETTINGS deduplicate_insert = 'disable', async_insert = 0"

log = structlog.get_logger("mending")


class Database(Protocol):
    """As much of a ClickHouse store as mending needs."""

    database: str

    def rows(self, query: str) -> list[dict[str, object]]:
        """Run a statement; its rows by column name."""


def has_rows(store: Database, batch: Batch, table: str, source: str) -> bool:
    """Whether any row that `batch`, whose rows `source` reads, makes in a table is there."""
    days = f"{_days(batch)} AND " if table == "events" else ""  # others have few rows
    part = "" if batch.span is None else f" AND eid IN (SELECT toUUID(eid) FROM {source})"
    return bool(store.rows(f"SELECT 1 AS one FROM {store.database}.{table}"
                           f" WHERE {days}{_of(batch.manifest)}{part} LIMIT 1"))


def mend(store: Database, batch: Batch, source: str, private: Callable[[Derived], bool]) -> None:
    """Compare every table with the rows of `batch`, which `source` reads, and add what lacks.

    `private` tells whether a derived table that is fed from the file has rows in this batch.
    """
    _mend_events(store, batch, source)
    for derived in _derived_from("events"):
        if derived.table.keep is Keep.SUM:
            days = f"(SELECT * FROM {store.database}.events WHERE {_days(batch)})"
            _mend_sums(store, derived, batch, derived.select(source), derived.select(days))
        elif not derived.private or private(derived):
            _put_newest(store, derived.table, derived.select(source))


def mend_account(store: Database, manifest: Manifest, names: str, select: str) -> None:
    """Add the row of `accounting` that `select` makes if the batch has none."""
    if not store.rows(f"SELECT 1 AS one FROM {store.database}.accounting"
                      f" WHERE {_of(manifest)}"):
        store.rows(f"INSERT INTO {store.database}.accounting ({names}) {_ANEW} {select}")


def _mend_events(store: Database, batch: Batch, source: str) -> None:
    listed = _listed(clickhouse.event_names())
    _put_behind(store, "events", batch,
                f"SELECT {listed}, {clickhouse.text(batch.manifest.sequencer)} AS sequencer,"
                f" {batch.manifest.n} AS batch FROM {source}", f"{listed}, sequencer, batch")


def _put_behind(store: Database, table: str, batch: Batch, select: str, listed: str) -> None:
    """Bring missing rows in behind the views: what those added is compared by itself."""
    whole, stage = f"{store.database}.{table}", f"{store.database}.{table}_mended"
    landed = f"SELECT eid FROM {whole} WHERE {_of(batch.manifest)}"
    missing = f"FROM ({select}) WHERE toUUID(eid) NOT IN ({landed})"
    count = store.rows(f"SELECT count() AS n {missing}")[0]["n"]
    if not count:
        return
    log.warning("rows were missing", table=table, batch=batch.n, rows=count)
    store.rows(f"DROP TABLE IF EXISTS {stage} SYNC")
    store.rows(f"CREATE TABLE {stage} AS {whole}")
    store.rows(f"INSERT INTO {stage} ({listed}) {_ANEW} SELECT {listed} {missing}")
    for part in store.rows(
            "SELECT DISTINCT partition_id AS id FROM system.parts WHERE active"
            f" AND database = {clickhouse.text(store.database)} AND table = '{table}_mended'"):
        store.rows(f"ALTER TABLE {whole} ATTACH PARTITION ID {clickhouse.text(str(part['id']))}"
                   f" FROM {stage}")
    store.rows(f"DROP TABLE {stage} SYNC")


def _derived_from(source: str) -> list[Derived]:
    return [derived for derived in DERIVED if derived.source == source]


def _mend_sums(store: Database, derived: Derived, batch: Batch, made: str, wanted: str) -> None:
    """Add to each key of the batch what its sum lacks against the rows that are summed up.

    `made` are the sums of the batch, `wanted` those of all rows that may be of its keys.
    """
    table, keys = derived.table, _listed(derived.table.order)
    (total,) = table.sums
    of_batch = f"({keys}) IN (SELECT {keys} FROM ({made}))"
    lacking = (
        f"SELECT {keys}, toUInt64(sum(want) - sum(have)) AS {total} FROM ("
        f"SELECT {keys}, toInt64({total}) AS want, 0 AS have FROM ({wanted}) WHERE {of_batch}"
        f" UNION ALL SELECT {keys}, 0, toInt64({total}) FROM {store.database}.{table.name}"
        f" WHERE {of_batch}) GROUP BY {keys} HAVING sum(want) > sum(have)")
    missing = store.rows(f"SELECT sum({total}) AS n FROM ({lacking})")[0]["n"]
    if missing:
        log.warning("counts were missing", table=table.name, batch=batch.n, events=missing)
        store.rows(f"INSERT INTO {store.database}.{table.name} ({keys}, {total}) {_ANEW} {lacking}")


def mend_fed(store: Database, fed: Fed, batch: Batch, select: str) -> None:
    """Put in what `select` makes of the batch and a fed table, or one derived of it, lacks."""
    if fed.table.keep is Keep.NEWEST:
        _put_newest(store, fed.table, select)
        return
    table = f"{store.database}.{fed.table.name}"
    _put_behind(store, fed.table.name, batch, select, _listed(fed.table.names))
    for derived in _derived_from(fed.table.name):
        keys = _listed(fed.table.order)
        same = f"(SELECT * FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM ({select})))"
        _mend_sums(store, derived, batch, derived.select(f"({select})"), derived.select(same))


def _put_newest(store: Database, table: Table, select: str) -> None:
    """Put in what is newer than the row that the table keeps of its key, or has none there."""
    names, keys = _listed(table.names), _listed(table.order)
    kept = (f"SELECT {keys}, max({table.version}) AS kept FROM {store.database}.{table.name}"
            f" WHERE ({keys}) IN (SELECT {keys} FROM ({select})) GROUP BY {keys}")
    store.rows(f"INSERT INTO {store.database}.{table.name} ({names}) {_ANEW} SELECT {names}"
               f" FROM ({select}) AS b LEFT JOIN ({kept}) AS k USING ({keys})"
               f" WHERE k.kept < b.{table.version}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(clickhouse.quoted, names))


def _of(manifest: Manifest) -> str:
    """Which rows are of this batch."""
    return f"sequencer = {clickhouse.text(manifest.sequencer)} AND batch = {manifest.n}"


def _days(batch: Batch) -> str:
    """The whole days that the batch touches, so that events of others are not read."""
    found = pc.min_max(batch.table["created_at"]).as_py()
    first, last = found["min"].date(), found["max"].date() + timedelta(days=1)
    return f"created_at >= '{first} 00:00:00' AND created_at < '{last} 00:00:00'"
