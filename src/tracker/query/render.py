"""Results of stores that give Arrow tables, in ClickHouse's formats."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
from pyarrow import parquet

from tracker.query.failure import QueryFailed

_PIECE_ROWS: Final = 4096
_TABLE_ROWS: Final = 10_000  # as many as ClickHouse draws
_NAME: Final = re.compile(r"\w+")
_TABS: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})

Row = dict[str, object]
Render = Callable[[pa.Table], Iterator[bytes]]


class Statement(NamedTuple):
    """A statement without its FORMAT clause, and the format that counts."""

    sql: str
    format: str


def split_format(sql: str, default: str) -> Statement:
    """Take a FORMAT clause off the end, which other engines do not know."""
    words = sql.rstrip().removesuffix(";").rsplit(maxsplit=2)
    if len(words) < 3 or words[1].upper() != "FORMAT" or not _NAME.fullmatch(words[2]):
        return Statement(sql, default)
    return Statement(words[0], words[2])


def renderer(name: str) -> Render:
    """What makes a format; raises `QueryFailed` for one that is not there."""
    found = _FORMATS.get(name.lower())
    if found is None:
        raise QueryFailed(73, f"Unknown format {name} for this store: there are"
                              f" {', '.join(sorted(_FORMATS))}", "UNKNOWN_FORMAT")
    return found


def _rows(table: pa.Table) -> Iterator[list[Row]]:
    for piece in table.to_batches(_PIECE_ROWS):
        yield piece.to_pylist()


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            text = value.strftime("%Y-%m-%d %H:%M:%S.%f")
            return text.removesuffix("000")
        case dict() | list():
            return msgspec.json.encode(value, enc_hook=_text).decode()
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case _:
            return str(value)


def _tab(value: object) -> str:
    return "\\N" if value is None else _text(value).translate(_TABS)


def _comma(value: object) -> str:
    if value is None:
        return "\\N"
    text = _text(value)
    plain = isinstance(value, int | float | Decimal)
    return text if plain else '"' + text.replace('"', '""') + '"'


def _lines(cell: Callable[[object], str], separator: str, *, named: bool) -> Render:
    def render(table: pa.Table) -> Iterator[bytes]:
        if named:
            yield (separator.join(map(cell, table.column_names)) + "\n").encode()
        for rows in _rows(table):
            yield "".join(separator.join(map(cell, row.values())) + "\n" for row in rows).encode()
    return render


def _plain(value: object) -> object:
    """A value as JSON has it; msgspec knows all others."""
    return _text(value) if isinstance(value, datetime | date | Decimal | bytes) else value


def _json_lines(table: pa.Table) -> Iterator[bytes]:
    for rows in _rows(table):
        yield b"".join(_json({name: _plain(value) for name, value in row.items()}) + b"\n"
                       for row in rows)


def _json_whole(*, compact: bool) -> Render:
    def render(table: pa.Table) -> Iterator[bytes]:
        meta = [{"name": field.name, "type": str(field.type)} for field in table.schema]
        yield b'{"meta":' + _json(meta) + b',"data":['
        comma = b""
        for rows in _rows(table):
            plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
            values: list[object] = [list(row.values()) for row in plain] if compact else [*plain]
            yield comma + b",\n".join(map(_json, values))
            comma = b",\n"
        yield b'],"rows":%d}\n' % table.num_rows
    return render


def _json(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=_text)


def _cell(value: object) -> str:
    return "NULL" if value is None else " ".join(_text(value).split())


def _pretty(table: pa.Table) -> Iterator[bytes]:
    """A table for a terminal, as PrettyCompact draws it."""
    shown = table.slice(0, _TABLE_ROWS)
    if not table.num_columns or not shown.num_rows:
        return
    rows = [[_cell(value) for value in row.values()] for row in shown.to_pylist()]
    widths = [max(len(name), *(len(row[at]) for row in rows))
              for at, name in enumerate(table.column_names)]
    right = [pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
             or pa.types.is_decimal(field.type) for field in table.schema]
    heads = (f"{name:─>{width}}" if to_right else f"{name:─<{width}}"
             for name, width, to_right in zip(table.column_names, widths, right, strict=True))
    yield f"┌─{'─┬─'.join(heads)}─┐\n".encode()
    for row in rows:
        cells = (f"{cell:>{width}}" if to_right else f"{cell:<{width}}"
                 for cell, width, to_right in zip(row, widths, right, strict=True))
        yield f"│ {' │ '.join(cells)} │\n".encode()
    yield f"└─{'─┴─'.join('─' * width for width in widths)}─┘\n".encode()
    if table.num_rows > _TABLE_ROWS:
        yield f"  Showed first {_TABLE_ROWS}.\n".encode()


def _arrow(table: pa.Table) -> Iterator[bytes]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    yield sink.getvalue().to_pybytes()


def _arrow_stream(table: pa.Table) -> Iterator[bytes]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    yield sink.getvalue().to_pybytes()


def _parquet(table: pa.Table) -> Iterator[bytes]:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    yield sink.getvalue().to_pybytes()


_FORMATS: Final[dict[str, Render]] = {
    "arrow": _arrow,
    "arrowstream": _arrow_stream,
    "csv": _lines(_comma, ",", named=False),
    "csvwithnames": _lines(_comma, ",", named=True),
    "json": _json_whole(compact=False),
    "jsoncompact": _json_whole(compact=True),
    "jsoneachrow": _json_lines,
    "parquet": _parquet,
    "prettycompact": _pretty,
    "tabseparated": _lines(_tab, "\t", named=False),
    "tabseparatedwithnames": _lines(_tab, "\t", named=True),
}
