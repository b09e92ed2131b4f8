"""Columns that hold what was sent under their name: each kind's fast way and its careful way."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracker.columns import BATCH_COLUMNS, Column, From, Kind
from tracker.numerals import read_integer, read_number
from tracker.refine.arrays import repeated_text, texts
from tracker.refine.coerce import read_flag, read_text
from tracker.refine.frame import Frame
from tracker.refine.ids import canonical_column

_NONE = type(None)
_T = TypeVar("_T")


def fill_columns(frame: Frame) -> None:
    """Make every column that comes from the client and that no other step has made."""
    empty = repeated_text("", len(frame))
    for column in BATCH_COLUMNS:
        if column.name in frame.columns or column.source is not From.CLIENT:
            continue
        make = _MAKERS.get(column.kind)
        if make is None:
            continue
        sent = frame.sent.get(column.name)
        if sent is not None:
            frame.columns[column.name] = make(frame, column, sent)
        elif make is text_column or make is id_column:
            frame.columns[column.name] = empty
        else:
            frame.columns[column.name] = _UNSAID[column.kind](len(frame))


def text_column(frame: Frame, column: Column, sent: list[Any]) -> pa.Array:
    """Texts as sent; "" where none."""
    return texts(text_cells(frame, column.name, sent))


def id_column(frame: Frame, column: Column, sent: list[Any]) -> pa.Array:
    """Texts, UUIDs among them in one spelling."""
    return canonical_column(text_column(frame, column, sent))


def text_cells(frame: Frame, name: str, sent: list[Any]) -> list[str | None]:
    """What was sent as texts; what cannot be one is kept for `params`."""
    return sent if set(map(type, sent)) <= {str, _NONE} else cells(frame, name, sent, read_text)


def number_column(frame: Frame, column: Column, sent: list[Any]) -> pa.Array:
    """Doubles; NULL where none."""
    return _typed(frame, column.name, sent, {float, int, _NONE}, pa.float64(), read_number)


def integer_column(frame: Frame, column: Column, sent: list[Any]) -> pa.Array:
    """64-bit integers; NULL where none."""
    return _typed(frame, column.name, sent, {int, _NONE}, pa.int64(), read_integer)


def mask_column(frame: Frame, column: Column, sent: list[Any]) -> pa.Array:
    """64-bit integers; 0 where none."""
    return pc.fill_null(integer_column(frame, column, sent), 0)


def flag_column(frame: Frame, column: Column, sent: list[Any]) -> pa.Array:
    """Booleans; false where none."""
    return pc.fill_null(pa.array(cells(frame, column.name, sent, read_flag), pa.bool_()), False)


def _typed(frame: Frame, name: str, sent: list[Any], clean: set[type], kind: pa.DataType,
           read: Callable[[Any], Any]) -> pa.Array:
    if set(map(type, sent)) <= clean:
        try:
            return pa.array(sent, kind)
        except (OverflowError, pa.ArrowInvalid):
            pass  # an integer too large for the column is among them
    return pa.array(cells(frame, name, sent, read), kind)


def cells(frame: Frame, name: str, sent: Sequence[Any],
          read: Callable[[Any], _T | None]) -> list[_T | None]:
    """Each value as `read` reads it; one that it cannot is kept for `params`."""
    made: list[_T | None] = []
    for row, value in enumerate(sent):
        cell = None if value is None else read(value)
        if cell is None and value is not None:
            frame.keep(row, name, value)
        made.append(cell)
    return made


def _no_flags(rows: int) -> pa.Array:
    return pa.array(np.zeros(rows, np.bool_))


def _no_masks(rows: int) -> pa.Array:
    return pa.array(np.zeros(rows, np.int64))


_UNSAID: dict[Kind, Callable[[int], pa.Array]] = {
    Kind.INTEGER: partial(pa.nulls, type=pa.int64()),
    Kind.NUMBER: partial(pa.nulls, type=pa.float64()),
    Kind.MASK: _no_masks,
    Kind.FLAG: _no_flags,
}
_MAKERS: dict[Kind, Callable[[Frame, Column, list[Any]], pa.Array]] = {
    Kind.ID: id_column,
    Kind.TEXT: text_column,
    Kind.WORD: text_column,
    Kind.INTEGER: integer_column,
    Kind.NUMBER: number_column,
    Kind.MASK: mask_column,
    Kind.FLAG: flag_column,
}
