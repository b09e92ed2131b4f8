"""What large values cost DuckDB, and where it stops.

The engine reads and writes a table by runs of 2,048 rows, and holds all texts of one column of a
run at once: a checkpoint of a run whose texts do not fit fails, and then so does each opening of
the file. So it is written down where large rows lie, and a run takes only so many bytes of them.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from tracker.errors import BatchRefused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_BYTES: Final = 256_000_000
"""What the engine may use. Landing needs no more; what does not fit, as a large sort of a
reader's, goes to disk."""

RUN_ROWS: Final = 2_048
RUN_BYTES: Final = MEMORY_BYTES // 4
"""Of large rows in one run: a checkpoint was seen to fail at three times as much."""

LARGE_BYTES: Final = 16 << 10
"""Of all texts of a row; what is less comes to 32 MiB a run at most."""

CREATE: Final = """CREATE TABLE IF NOT EXISTS large_rows
(name VARCHAR, behind UBIGINT, bytes UBIGINT)"""
"""Texts of large rows that end before row `behind` of table `name`; of the last run only."""

_EMPTY: Final = {"params": "{}", "targets": "{}", "extra": "[]"}


@contextmanager
def room_for(connection: "DuckDBPyConnection", table: str, rows: pa.Table,
             columns: Collection[str]) -> Iterator[None]:
    """Around an insert into `table` of the texts in `columns` of `rows`: writes down large ones.

    Raises `BatchRefused` where they are more than a run takes; the caller rolls back.
    """
    size = large_bytes(rows, columns)
    count = f"SELECT count(*) FROM {table}"
    first = _one(connection, count) - RUN_ROWS if size else 0
    yield
    if not size:
        return
    before = _one(connection, "SELECT coalesce(sum(bytes), 0) FROM large_rows"
                  " WHERE name = ? AND behind > ?", table, max(first, 0))
    if before + size > RUN_BYTES:
        raise BatchRefused(f"large values: {RUN_ROWS} rows of {table} that follow each other may"
                           f" have {RUN_BYTES} bytes of them")
    connection.execute("DELETE FROM large_rows WHERE name = ? AND behind <= ?",
                       [table, max(first, 0)])
    connection.execute("INSERT INTO large_rows VALUES (?, ?, ?)",
                       [table, _one(connection, count), size])


def large_bytes(rows: pa.Table, columns: Collection[str]) -> int:
    """Bytes of the texts in `columns`, of those rows that have many."""
    texts = [rows.column(at) for at, field in enumerate(rows.schema)
             if field.name in columns and pa.types.is_string(field.type)]
    if not texts or sum(text.nbytes for text in texts) <= LARGE_BYTES:
        return 0
    sizes = pa.chunked_array([pa.nulls(rows.num_rows, pa.int64()).fill_null(0)])
    for text in texts:
        sizes = pc.add(sizes, pc.cast(pc.binary_length(text), pa.int64()))
    return pc.sum(pc.filter(sizes, pc.greater(sizes, LARGE_BYTES))).as_py() or 0


def without_large(rows: pa.Table) -> pa.Table:
    """The same rows, but in columns of texts that are large together nothing."""
    for at, field in enumerate(rows.schema):
        if large_bytes(rows.select([at]), [field.name]):
            empty = _EMPTY.get(field.name, "")
            rows = rows.set_column(at, field, pa.array([empty] * rows.num_rows, field.type))
    return rows


def _one(connection: "DuckDBPyConnection", query: str, *values: object) -> int:
    row = connection.execute(query, list(values)).fetchone()
    assert row is not None
    return int(row[0])
