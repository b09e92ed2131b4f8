"""What tables and views are made of, as data: every dialect's statements come from these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tracker.columns import Column, From
from tracker.kinds import RowKind

MONTHS = 1_632
"""Most months a batch can touch: from 1970 to 2106, one partition each."""


class Keep(Enum):
    """What a table keeps of rows with the same key."""

    ALL = "all"
    NEWEST = "newest"  # the one with the greatest `version`
    SUM = "sum"  # one row, `sums` added up


@dataclass(frozen=True, slots=True)
class Alias:
    """A column that is worked out when it is read, where the dialect has such columns."""

    name: str
    about: str
    clickhouse: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that stores rows.

    `order`    its key, in sorting order; names of columns
    `month`    the column by whose month it is cut into partitions; None is one partition
    `lookups`  columns by whose value single rows are asked for, in spite of the key
    `again`    columns of random values that come again some thousand rows later, and that no
               query looks up: compressed in blocks long enough to hold both
    `dense`    its rows are few and short beside those of `events`: compressed well from the start
    `aliases`  columns that are not stored; `SELECT *` leaves them out
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    keep: Keep = Keep.ALL
    version: str | None = None
    sums: tuple[str, ...] = ()
    month: str | None = None
    lookups: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    dense: bool = False
    aliases: tuple[Alias, ...] = ()

    def column(self, name: str) -> Column:
        """The column called `name`."""
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Derived:
    """A table fed from each landed batch: one row per key of the batch.

    `values` holds one expression per column of `table`, over `events AS e`. Those of the key are
    the groups; the others are aggregates. Written so that ClickHouse and DuckDB read them alike.
    `private` names the column of the batch file that `events` does not have: such a table is
    fed from the file, and only by batches with rows that have it.
    `source` is another table that is read in place of `events`. Where one table is derived from
    several, no two of them have rows of one key.
    """

    table: Table
    values: tuple[str, ...]
    where: str
    private: str | None = None
    source: str = "events"

    @property
    def feed(self) -> str:
        """The name of what feeds it."""
        of = "" if self.source == "events" else f"_of_{self.source}"
        return f"{self.table.name}{of}_mv"

    def select(self, source: str) -> str:
        """The query that makes its rows of `source`."""
        values = zip(self.values, self.table.names, strict=True)
        groups = [value for value, name in zip(self.values, self.table.names, strict=True)
                  if name in self.table.order and not value.startswith("'")]
        return (f"SELECT {', '.join(f'{value} AS {name}' for value, name in values)}"
                f" FROM {source} AS e WHERE {self.where} GROUP BY {', '.join(groups)}")


@dataclass(frozen=True, slots=True)
class Fed:
    """A table fed from the rows of one kind in each batch: one row per object in their `extra`.

    `shared` names the columns that the batch's row itself has under the same name; all others are
    keys of the object, by `keys` where they are called otherwise there. Times in it are texts as
    `2026-01-31 23:59:59.123`, UTC; money is a text; objects are texts of JSON.
    `unknown` has what stands for a value that is not there, by column, as both dialects write it.
    """

    table: Table
    kind: RowKind
    shared: tuple[str, ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)

    def key(self, column: Column) -> str:
        """What a column is called in `extra`."""
        return self.keys.get(column.name, column.name)

    @property
    def own(self) -> tuple[Column, ...]:
        """The columns that come from `extra`."""
        return tuple(column for column in self.table.columns
                     if column.source is not From.BATCH and column.name not in self.shared)


@dataclass(frozen=True, slots=True)
class View:
    """A query under a name. `select` and what follows it read `source AS e`.

    `tail`     what follows FROM: WHERE, GROUP BY
    `one_per`  keep one row per these expressions: the oldest, or the `newest`, by `created_at`
    `merged`   read `source` with rows of one key already made one

    Other tables stand behind `{db}` in it, which each dialect fills in.
    """

    name: str
    about: str
    source: str
    select: str
    tail: str = ""
    one_per: tuple[str, ...] = ()
    newest: bool = False
    merged: bool = False
