"""Compares a ClickHouse store with the declared tables, views and columns."""

from dataclasses import dataclass
from typing import Protocol

from tracker.schema import clickhouse
from tracker.schema.migrations import LEDGER
from tracker.schema.tables import DERIVED, VIEWS, stored


class Database(Protocol):
    """Where queries run."""

    def rows(self, query: str) -> list[dict[str, object]]:
        """Run a query; its rows by column name."""


@dataclass(frozen=True, slots=True)
class Object:
    """One table or view: what it is, how many rows it has, and what is wrong with it."""

    name: str
    engine: str
    rows: int | None
    wrong: str = ""

    @property
    def right(self) -> bool:
        """Whether it is as declared."""
        return not self.wrong

    def __str__(self) -> str:
        size = "" if self.rows is None else f"{self.rows:,} rows"
        return f"{'ok' if self.right else 'WRONG':6} {self.name:28} {self.engine:22} {size:>18}" \
            + (f"  {self.wrong}" if self.wrong else "")


def verify(store: Database, database: str = clickhouse.DATABASE, *, all_of_it: bool = True
           ) -> list[Object]:
    """Every object that is declared or there, by name.

    Not `all_of_it` leaves out what readers of a running tracker do not see: what feeds tables.
    """
    where = f"database = {clickhouse.text(database)}"
    there = {str(row["name"]): row for row in store.rows(
        f"SELECT name, engine, total_rows FROM system.tables WHERE {where}")}
    columns: dict[str, dict[str, str]] = {}
    for row in store.rows(f"SELECT table, name, type FROM system.columns WHERE {where}"):
        columns.setdefault(str(row["table"]), {})[str(row["name"])] = str(row["type"])
    wanted = {table.name: {column.name: clickhouse.type_of(column) for column in table.columns}
              for table in stored()}
    views = {view.name for view in VIEWS}
    feeds = {derived.feed for derived in DERIVED
             if all_of_it and not derived.private}
    found = []
    for name in sorted({*there, *wanted, *views, *feeds}):
        if name not in there:
            found.append(Object(name, "", None, "missing; `tracker schema apply` makes it"))
            continue
        row = there[name]
        rows = row["total_rows"]
        known = name in wanted or name in views or name in feeds or name == LEDGER
        wrong = _differences(wanted.get(name, {}), columns.get(name, {}))
        found.append(Object(name, str(row["engine"]), None if rows is None else int(str(rows)),
                            wrong if known else "not ours: nothing writes or reads it"))
    return found


def _differences(wanted: dict[str, str], there: dict[str, str]) -> str:
    missing = [name for name in wanted if name not in there]
    other = [f"{name} is {there[name]} instead of {kind}" for name, kind in wanted.items()
             if name in there and _plain(there[name]) != _plain(kind)]
    return "; ".join([*([f"lacks {', '.join(missing)}"] if missing else []), *other])


def _plain(kind: str) -> str:
    """A type as both sides spell it."""
    return kind.replace(" ", "").lower()
