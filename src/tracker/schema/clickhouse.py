"""Statements for ClickHouse, one node: tables, views, and the names an insert fills."""

from tracker.columns import BATCH_COLUMNS, EVENT_COLUMNS, Column, From, Kind
from tracker.kinds import EVENT_KINDS
from tracker.schema.table import MONTHS, Derived, Fed, Keep, Table, View
from tracker.schema.tables import DERIVED, VIEWS, stored

DATABASE = "sfpla"

WINDOW = 4 * MONTHS
"""Parts whose tokens a table remembers: a batch makes at most `MONTHS` in any table."""

DYNAMIC_PATHS = 64
"""Keys of a JSON column that get files of their own in a part; the rest share some.

Each costs open files and time in every insert, so a client that invents keys must not make more.
"""

KEPT_SECONDS = 480
"""How long the parts that a merge has replaced stay on disk, for queries that still read them."""

_LASTING = f"min_rows_to_fsync_after_merge = 1, old_parts_lifetime = {KEPT_SECONDS}"

_DENSE = "default_compression_codec = 'ZSTD(3)'"

_AGAIN = "min_compress_block_size = 1048576"  # of text, before compression; 64 KiB by default

_PACKED_BYTES = 32 << 20  # smaller parts are one file: half the cost of a small insert

_SETTINGS = (
    "fsync_after_insert = 1, fsync_part_directory = 1,"
    f" non_replicated_deduplication_window = {WINDOW},"
    f" min_bytes_for_full_part_storage = {_PACKED_BYTES},"
    f" min_level_for_wide_part = 2, {_LASTING}"
)

_TYPES = {
    Kind.UUID: "UUID",
    Kind.ID: "String",
    Kind.TEXT: "String",
    Kind.WORD: "LowCardinality(String)",
    Kind.INTEGER: "Nullable(Int64)",
    Kind.NUMBER: "Nullable(Float64)",
    Kind.MASK: "Int64",
    Kind.COUNT: "UInt64",
    Kind.FLAG: "Bool",
    Kind.TIME: "DateTime64(3, 'UTC')",
    Kind.MOMENT: "Nullable(DateTime64(3, 'UTC'))",
    Kind.NANOTIME: "DateTime64(9, 'UTC')",
    Kind.DATE: "Date",
    Kind.JSON: f"JSON(max_dynamic_paths = {DYNAMIC_PATHS})",
    Kind.MONEY: "Nullable(Decimal(18, 4))",
    Kind.ANSWER: "Nullable(Bool)",
    Kind.TEXTS: "Array(String)",
}


def type_of(column: Column) -> str:
    """The ClickHouse type of a column."""
    return _TYPES[column.kind]


def quoted(name: str) -> str:
    """A name that is read as one, whatever words the dialect reserves."""
    return f"`{name}`"


def _engine(table: Table) -> str:
    match table.keep:
        case Keep.ALL:
            return "MergeTree"
        case Keep.NEWEST:
            return f"ReplacingMergeTree({table.version or ''})"
        case Keep.SUM:
            return f"SummingMergeTree(({', '.join(map(quoted, table.sums))}))"


def create_table(table: Table, database: str = DATABASE) -> str:
    """CREATE TABLE for one table that stores rows."""
    columns = ",\n    ".join([
        *(_declared(table, column) for column in table.columns),
        *(f"{quoted(alias.name)} String ALIAS {alias.clickhouse} COMMENT {text(alias.about)}"
          for alias in table.aliases),
        *(f"INDEX {name}_lookup {quoted(name)} TYPE bloom_filter GRANULARITY 1"
          for name in table.lookups)])
    month = f"PARTITION BY toYYYYMM({quoted(table.month)})\n" if table.month else ""
    return (f"CREATE TABLE IF NOT EXISTS {database}.{table.name}\n(\n    {columns}\n)\n"
            f"ENGINE = {_engine(table)}\n{month}"
            f"ORDER BY ({', '.join(map(quoted, table.order))})\n"
            f"SETTINGS {_SETTINGS}{f', {_DENSE}' if table.dense else ''}\n"
            f"COMMENT {text(table.about)}")


def create_feed(derived: Derived, database: str = DATABASE) -> str:
    """The materialized view that feeds a derived table from its source."""
    return (f"CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.{derived.feed}"
            f" TO {database}.{derived.table.name}\n"
            f"AS {derived.select(f'{database}.{derived.source}')}")


def create_view(view: View, database: str = DATABASE) -> str:
    """CREATE OR REPLACE VIEW; it keeps nothing, so replacing it loses nothing."""
    final = " FINAL" if view.merged else ""
    order = ""
    if view.one_per:
        order = (f" ORDER BY e.created_at{' DESC' if view.newest else ''}"
                 f" LIMIT 1 BY {', '.join(view.one_per)}")
    tail = f" {view.tail}" if view.tail else ""
    tail = tail.replace("{db}", f"{database}.")
    return (f"CREATE OR REPLACE VIEW {database}.{view.name}\n"
            f"AS SELECT {view.select} FROM {database}.{view.source} AS e{final}{tail}"
            f"{order}\nCOMMENT {text(view.about)}")


def ddl(database: str = DATABASE) -> list[str]:
    """Every statement that makes the database, in order; each may be run again."""
    return [*tables_ddl(database), *(create_view(view, database) for view in VIEWS)]


def tables_ddl(database: str = DATABASE) -> list[str]:
    """The statements that make what keeps rows, and what feeds it."""
    return [
        f"CREATE DATABASE IF NOT EXISTS {database}",
        *(create_table(table, database) for table in stored()),
        *(create_feed(derived, database) for derived in DERIVED if not derived.private),
    ]


def make_merges_last(database: str = DATABASE) -> list[str]:
    """Statements that make tables of before treat merged parts as new ones do."""
    return [*tables_ddl(database),
            *(f"ALTER TABLE {database}.{table.name} MODIFY SETTING {_LASTING}"
              for table in stored())]


def make_smaller(database: str = DATABASE) -> list[str]:
    """Statements that make tables of before compress as new ones do, part by part as they merge."""
    return [
        *tables_ddl(database),
        *(f"ALTER TABLE {database}.{table.name} MODIFY SETTING {_DENSE}"
          for table in stored() if table.dense),
        *(f"ALTER TABLE {database}.{table.name} MODIFY COLUMN {quoted(name)}"
          f" MODIFY SETTING {_AGAIN}" for table in stored() for name in table.again),
    ]


def add_column(table: Table, column: Column, database: str = DATABASE) -> str:
    """ALTER TABLE for a column that the store does not have yet; its rows get the default."""
    return (f"ALTER TABLE {database}.{table.name}"
            f" ADD COLUMN IF NOT EXISTS {_declared(table, column)}")


def _declared(table: Table, column: Column) -> str:
    blocks = f" SETTINGS ({_AGAIN})" if column.name in table.again else ""
    return f"{quoted(column.name)} {type_of(column)} COMMENT {text(column.about)}{blocks}"


def event_names() -> tuple[str, ...]:
    """Columns of `events` that a batch file has, in its order."""
    return tuple(column.name for column in EVENT_COLUMNS if column.source is not From.BATCH)


def file_structure() -> str:
    """The columns of a batch file, as the `file` function takes them.

    Said rather than found out, so that a file from before a column was added still lands.
    """
    texts = {Kind.UUID, Kind.WORD, Kind.JSON}
    return ", ".join(
        f"{quoted(column.name)} {'String' if column.kind in texts else type_of(column)}"
        for column in BATCH_COLUMNS)


def of_events(source: str) -> str:
    """The rows of a batch that land in `events`."""
    kinds = ", ".join(text(kind) for kind in sorted(EVENT_KINDS))
    return f"(SELECT * FROM {source} WHERE kind IN ({kinds}))"


def feed(fed: Fed, source: str) -> str:
    """The query that makes the rows of a fed table, but for the columns of `BATCH`, of `source`."""
    shared, own = map(quoted, fed.shared), fed.own
    structure = ", ".join(f"{quoted(fed.key(column))} {_extracted(fed, column)}" for column in own)
    items = f"JSONExtract(extra, {text(f'Array(Tuple({structure}))')})"
    names = [*(f"e.{name} AS {name}" for name in map(quoted, fed.shared)),
             *(f"{_item(fed, column)} AS {quoted(column.name)}"
               for column in own)]
    rows = (f"SELECT {', '.join(shared)}, arrayJoin({items}) AS item FROM {source}"
            f" WHERE kind = {text(fed.kind)}")
    return f"SELECT {', '.join(names)} FROM ({rows}) AS e"


def fed_names(fed: Fed) -> tuple[str, ...]:
    """The columns that `feed` gives, in its order."""
    return (*fed.shared, *(column.name for column in fed.own))


def _item(fed: Fed, column: Column) -> str:
    value = f"tupleElement(e.item, {text(fed.key(column))})"
    if column.kind is Kind.JSON:
        return f"if({value} = '', '{{}}', {value})"
    unknown = fed.unknown.get(column.name)
    return value if unknown is None else f"ifNull({value}, {unknown})"


def _extracted(fed: Fed, column: Column) -> str:
    """The type to take out of `extra`; an object is text there."""
    found = "String" if column.kind is Kind.JSON else type_of(column)
    may_lack = column.name in fed.unknown and not found.startswith("Nullable")
    return f"Nullable({found})" if may_lack else found


def text(value: str) -> str:
    """A text as a literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
