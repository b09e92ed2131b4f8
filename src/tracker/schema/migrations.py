"""Bringing a ClickHouse store up to the declared schema, in numbered steps that lose no row."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tracker.errors import StoreUnavailable
from tracker.schema import clickhouse
from tracker.schema.tables import TABLES, VIEWS, stored

LEDGER = "schema_migrations"
"""The table that says which steps were taken."""
_VIEWS = 0  # the version under which the ledger keeps the digest of all views' text


class Database(Protocol):
    """Where statements run."""

    def execute(self, statement: str) -> None:
        """Run a statement."""

    def rows(self, query: str) -> list[dict[str, object]]:
        """Run a query; its rows by column name."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; its statements can be run again after a crash half-way."""

    version: int
    name: str
    statements: Callable[[str], list[str]]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "all tables", clickhouse.tables_ddl),
    Migration(2, "what is merged is synced, what it replaced stays for a while",
              clickhouse.make_merges_last),
    Migration(3, "compressed better: what is derived, and ids that come again",
              clickhouse.make_smaller),
    Migration(4, "messages of services count in counters", clickhouse.tables_ddl),
)


def pending(store: Database, database: str = clickhouse.DATABASE) -> list[str]:
    """The statements that `apply` would run now, in order; [] when the store is up to date.

    First the numbered migrations not run yet, what several of them say once; then tables and
    columns that were declared since, and all views when the text of any has changed. A derived
    table is fed from the past as well, so a new one needs a migration of its own.
    """
    done = applied(store, database)
    todo = [statement for migration in MIGRATIONS if migration.version not in done
            for statement in (*migration.statements(database),
                              _record(migration.version, migration.name, database))]
    if done:
        todo += declared_since(store, database)
    return [*dict.fromkeys(todo), *_changed_views(store, database)]


def apply(store: Database, database: str = clickhouse.DATABASE) -> list[str]:
    """Bring the store up to date; what was run."""
    todo = pending(store, database)
    for statement in [*_ledger(database), *todo] if todo else []:
        store.execute(statement)
    return todo


def applied(store: Database, database: str = clickhouse.DATABASE) -> dict[int, str]:
    """Versions that were run, and when."""
    if not _has_ledger(store, database):
        return {}
    rows = store.rows(f"SELECT version, toString(max(applied_at)) AS moment"
                      f" FROM {database}.{LEDGER} WHERE version <> {_VIEWS}"
                      " GROUP BY version ORDER BY version")
    return {int(str(row["version"])): str(row["moment"]) for row in rows}


def show(store: Database, database: str = clickhouse.DATABASE) -> str:
    """What was applied and what is pending, for people."""
    done = applied(store, database)
    lines = [f"{migration.version:>4}  {done.get(migration.version, 'pending'):<24}"
             f"  {migration.name}" for migration in MIGRATIONS]
    lines += [f"      pending                   {statement.partition(chr(10))[0]}"
              for statement in ((*declared_since(store, database), *_changed_views(store, database))
                                if done else [])]
    return "\n".join(lines)


def declared_since(store: Database, database: str = clickhouse.DATABASE) -> list[str]:
    """What makes the declared tables and columns that the store lacks."""
    rows = store.rows(f"SELECT table, name FROM system.columns WHERE database = '{database}'")
    present = {(row["table"], row["name"]) for row in rows}
    tables = {row["table"] for row in rows}
    return [
        *(clickhouse.create_table(table, database) for table in TABLES if table.name not in tables),
        *(clickhouse.add_column(table, column, database)
          for table in stored() if table.name in tables
          for column in table.columns if (table.name, column.name) not in present)]


def _changed_views(store: Database, database: str) -> list[str]:
    """All views anew, unless the store has them with this text; a view keeps nothing."""
    statements = [clickhouse.create_view(view, database) for view in VIEWS]
    digest = hashlib.sha256("".join(statements).encode()).hexdigest()
    if _has_ledger(store, database) and store.rows(
            f"SELECT 1 AS one FROM {database}.{LEDGER} WHERE version = {_VIEWS}"
            f" HAVING argMax(name, applied_at) = {clickhouse.text(digest)}"):
        return []
    return [*statements, _record(_VIEWS, digest, database)]


def _has_ledger(store: Database, database: str) -> bool:
    return bool(store.rows("SELECT 1 AS one FROM system.tables WHERE"
                           f" database = '{database}' AND name = '{LEDGER}'"))


def check_window(store: Database, database: str = clickhouse.DATABASE) -> None:
    """Raise `StoreUnavailable` unless every table remembers enough tokens for a replay."""
    wanted = f"non_replicated_deduplication_window = {clickhouse.WINDOW}"
    rows = store.rows(f"SELECT name, engine_full FROM system.tables WHERE database = '{database}'")
    engines = {str(row["name"]): str(row["engine_full"]) for row in rows}
    short = [table.name for table in stored() if wanted not in engines.get(table.name, "")]
    if short:
        raise StoreUnavailable(
            f"a batch that lands again would count twice in {', '.join(short)}: the table is"
            f" missing or lacks {wanted}; run `tracker schema apply`")


def _ledger(database: str) -> list[str]:
    return [
        f"CREATE DATABASE IF NOT EXISTS {database}",
        (f"CREATE TABLE IF NOT EXISTS {database}.{LEDGER}\n"
        "(\n    version UInt32,\n    name String,\n    applied_at DateTime64(3, 'UTC')\n)\n"
        "ENGINE = MergeTree\nORDER BY version\n"
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"),
    ]


def _record(version: int, name: str, database: str) -> str:
    """Noted last: a crash before it runs the statements again."""
    return (f"INSERT INTO {database}.{LEDGER} (version, name, applied_at)"
            f" SELECT {version}, {clickhouse.text(name)}, now64(3, 'UTC')")
