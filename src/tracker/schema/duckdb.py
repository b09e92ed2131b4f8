"""Statements for DuckDB: stored tables, and views for all that follows from them."""

from collections.abc import Collection

from tracker.columns import Column, Kind
from tracker.schema.table import Derived, Fed, Keep, Table, View
from tracker.schema.tables import DERIVED, TABLES, VIEWS

_TYPES = {
    Kind.UUID: "UUID",
    Kind.ID: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.WORD: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.MASK: "BIGINT",
    Kind.COUNT: "UBIGINT",
    Kind.FLAG: "BOOLEAN",
    Kind.TIME: "TIMESTAMP",  # UTC, as everywhere; a zone of the reader's would move days
    Kind.MOMENT: "TIMESTAMP",
    Kind.NANOTIME: "TIMESTAMP_NS",
    Kind.DATE: "DATE",
    Kind.JSON: "JSON",
    Kind.MONEY: "DECIMAL(18, 4)",
    Kind.ANSWER: "BOOLEAN",
    Kind.TEXTS: "VARCHAR[]",
}

_UNKNOWN = {
    Kind.ID: "''",
    Kind.TEXT: "''",
    Kind.WORD: "''",
    Kind.MASK: "0",
    Kind.COUNT: "0",
    Kind.FLAG: "false",
    Kind.JSON: "'{}'",
    Kind.TEXTS: "[]",
}
"""What a column holds in rows that are older than it, where that is not NULL."""

LANDED = """CREATE TABLE IF NOT EXISTS landed
(sequencer VARCHAR, batch UBIGINT, first_row UBIGINT, behind_row UBIGINT)"""
"""Which rows of which batches are in; written in one transaction with them."""


def stored() -> tuple[Table, ...]:
    """Tables that hold rows: those that events alone cannot give again."""
    return TABLES + tuple(derived.table for derived in DERIVED if derived.private)


def ddl() -> list[str]:
    """Every statement that makes the database, in order; each may be run again."""
    return [LANDED, *(create_table(table) for table in stored()), *views()]


def views() -> list[str]:
    """The statements that make the views."""
    names = dict.fromkeys(derived.table.name for derived in DERIVED if not derived.private)
    return [*map(_derived_view, names), *(_view(view) for view in VIEWS)]


def create_table(table: Table) -> str:
    """CREATE TABLE for one table that stores rows."""
    columns = ",\n    ".join(_declared(column) for column in table.columns)
    return f"CREATE TABLE IF NOT EXISTS {table.name}\n(\n    {columns}\n)"


def add_columns(table: Table, present: Collection[str]) -> list[str]:
    """ALTER TABLE for each column that the file does not have yet."""
    return [f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {_declared(column)}"
            for column in table.columns if column.name not in present]


def insert(table: Table, source: str, given: Collection[str]) -> str:
    """INSERT of the columns that `source` has by name, and of the two that name the batch.

    Takes sequencer and batch as parameters.
    """
    columns = [column for column in table.columns if column.name in given]
    names = ", ".join(quoted(column.name) for column in columns)
    values = ", ".join(_cast(column) for column in columns)
    return (f"INSERT INTO {table.name} ({names}, sequencer, batch)"
            f" SELECT {values}, ?, ? FROM {source}")


def feed(fed: Fed, source: str) -> str:
    """INSERT of the rows that the rows of its kind in `source` make in a fed table.

    Takes sequencer and batch as parameters.
    """
    structure = ", ".join(f'"{fed.key(column)}": {_extracted(column)}' for column in fed.own)
    shared = ", ".join(map(quoted, fed.shared))
    values = [*(_cast(fed.table.column(name)) for name in fed.shared),
              *(_item(fed, column) for column in fed.own)]
    names = ", ".join(map(quoted, (*fed.shared, *(column.name for column in fed.own))))
    items = f"unnest(json_transform(extra, '[{{{structure}}}]')) AS item"
    return (f"INSERT INTO {fed.table.name} ({names}, sequencer, batch) SELECT {', '.join(values)},"
            f" ?, ? FROM (SELECT {shared}, {items} FROM {source} WHERE kind = '{fed.kind}')")


def _extracted(column: Column) -> str:
    """The type to take out of `extra`, as `json_transform` spells it; an object is text there."""
    if column.kind is Kind.TEXTS:
        return '["VARCHAR"]'
    return '"VARCHAR"' if column.kind is Kind.JSON else f'"{_TYPES[column.kind]}"'


def _item(fed: Fed, column: Column) -> str:
    value = f"item.{quoted(fed.key(column))}"
    unknown = fed.unknown.get(column.name, _UNKNOWN.get(column.kind))
    value = value if unknown is None else f"coalesce({value}, {unknown})"
    return f"CAST({value} AS JSON)" if column.kind is Kind.JSON else value


def merge(derived: Derived, source: str) -> str:
    """Bring the newest row per key of a derived table up to date from the rows of `source`."""
    table = derived.table
    assert table.keep is Keep.NEWEST
    same = " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in table.order)
    updates = ", ".join(f"{quoted(name)} = s.{quoted(name)}"
                        for name in table.names if name not in table.order)
    return (f"MERGE INTO {table.name} AS t USING ({derived.select(source)}) AS s ON {same}"
            f" WHEN MATCHED AND s.{table.version} >= t.{table.version} THEN UPDATE SET {updates}"
            " WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN INSERT BY NAME")


def quoted(name: str) -> str:
    """A name that is read as one, whatever words the dialect reserves."""
    return f'"{name}"'


def _declared(column: Column) -> str:
    unknown = _UNKNOWN.get(column.kind)
    default = "" if unknown is None else f" DEFAULT {unknown}"
    return f"{quoted(column.name)} {_TYPES[column.kind]}{default}"


def _cast(column: Column) -> str:
    name = quoted(column.name)
    if column.kind in (Kind.UUID, Kind.JSON):
        return f"CAST({name} AS {_TYPES[column.kind]})"
    return name


def _derived_view(name: str) -> str:
    selects = " UNION ALL ".join(derived.select(derived.source) for derived in DERIVED
                                 if derived.table.name == name)
    return f"CREATE OR REPLACE VIEW {name} AS {_spelled(selects)}"


def _view(view: View) -> str:
    source = _merged(view.source) if view.merged else view.source
    tail = f" {view.tail}" if view.tail else ""
    tail = tail.replace("{db}", "")
    one = ""
    if view.one_per:
        one = (f" QUALIFY row_number() OVER (PARTITION BY {', '.join(view.one_per)}"
               f" ORDER BY e.created_at{' DESC' if view.newest else ''}) = 1")
    return _spelled(f"CREATE OR REPLACE VIEW {view.name} AS SELECT {view.select}"
                    f" FROM {source} AS e{tail}{one}")


def _merged(name: str) -> str:
    """The rows of a table with those of one key made one: the newest, of those the last landed."""
    table = next(table for table in TABLES if table.name == name)
    version = "" if table.version is None else f"{table.version} DESC, "
    return (f"(SELECT * FROM {name} QUALIFY row_number() OVER"
            f" (PARTITION BY {', '.join(map(quoted, table.order))}"
            f" ORDER BY {version}batch DESC) = 1)")


def _spelled(sql: str) -> str:
    """What the definitions write as ClickHouse does, in DuckDB's words."""
    return sql.replace("now()", "(now() AT TIME ZONE 'UTC')")
