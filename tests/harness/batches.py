"""Sealed batches made of a few values, for tests of what lies behind the sequencer."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from tracker.batch import Batch, Manifest
from tracker.hit import id_from_ticks, id_text
from tracker.schema.arrow import batch_schema

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_batch(directory: Path, n: int, rows: Sequence[Mapping[str, Any]],
               sequencer: str = "q1", without: Sequence[str] = (), **account: Any) -> Batch:
    """Batch `n` of events with these values, in a file of `directory`; the rest is unknown.

    The file has no columns `without`.
    """
    schema = batch_schema()
    full = [_row(schema, n, index, row) for index, row in enumerate(rows)]
    table = pa.table({field.name: [row[field.name] for row in full] for field in schema},
                     schema=schema).combine_chunks().drop_columns(list(without))
    path = directory / f"{n:012}.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for part in table.to_batches():
            writer.write_batch(part)
    return Batch(_manifest(n, len(rows), sequencer, account), path, table)


def read_batch(path: Path, n: int, sequencer: str = "q1") -> Batch:
    """The batch that `make_batch` wrote to `path`."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    return Batch(_manifest(n, table.num_rows, sequencer, {}), path, table)


def _row(schema: pa.Schema, n: int, index: int, given: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {field.name: _unknown(field) for field in schema}
    row |= {"eid": id_text(id_from_ticks(n << 20 | index, b"\x80\x00tests!")),
            "created_at": NOON, "received_at": NOON, "params": "{}", "targets": "{}"}
    row |= {name: json.dumps(value) if isinstance(value, dict) else value
            for name, value in given.items()}
    return row


def _unknown(field: pa.Field) -> Any:
    if field.nullable:
        return None
    if pa.types.is_boolean(field.type):
        return False
    return 0 if pa.types.is_integer(field.type) else ""


def _manifest(n: int, rows: int, sequencer: str, account: Mapping[str, Any]) -> Manifest:
    moment = int(NOON.timestamp()) * 1_000_000_000
    values: dict[str, Any] = {
        "sequencer": sequencer, "n": n, "sealed_at": moment, "spools": {}, "hits": rows,
        "accepted": rows, "rows": rows, "duplicates": 0, "conflicts": 0, "filtered": {},
        "quarantined": {}, "oldest": moment, "newest": moment, "bytes": 1, "versions": {}}
    return Manifest(**(values | dict(account)))
