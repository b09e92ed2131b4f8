"""The Arrow types of a batch file."""

import pyarrow as pa

from tracker.columns import BATCH_COLUMNS, Kind

_TYPES: dict[Kind, pa.DataType] = {
    Kind.UUID: pa.string(),  # canonical text
    Kind.ID: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.WORD: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.MASK: pa.int64(),
    Kind.FLAG: pa.bool_(),
    Kind.TIME: pa.timestamp("ms", tz="UTC"),
    Kind.JSON: pa.string(),  # text of one object, "{}" when empty
}

_NULLABLE = frozenset({Kind.INTEGER, Kind.NUMBER})


def batch_schema() -> pa.Schema:
    """One field per column of `BATCH_COLUMNS`, in its order; only numbers may be null."""
    return pa.schema([
        pa.field(column.name, _TYPES[column.kind], nullable=column.kind in _NULLABLE)
        for column in BATCH_COLUMNS
    ])
