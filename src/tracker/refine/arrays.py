"""Arrow arrays of whole columns, made without a Python object per cell where that can be."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

UUID_CHARS = 36
DASHES = (8, 13, 18, 23)
HEX = tuple(place for place in range(UUID_CHARS) if place not in DASHES)


def repeated_text(text: str, rows: int) -> pa.Array:
    """The same text in every row."""
    data = text.encode()
    offsets = np.arange(rows + 1, dtype=np.int32) * len(data)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(data * rows))


def texts(values: Sequence[str | None]) -> pa.Array:
    """Texts; None becomes ""."""
    array = pa.array(values, pa.string())
    return pc.fill_null(array, "") if array.null_count else array


def each_distinct(array: pa.Array, answer: Callable[[str], str]) -> pa.Array:
    """`answer` to each text, asked once for each that is distinct."""
    coded = array.dictionary_encode()
    answers = [answer(text) for text in coded.dictionary.to_pylist()]
    return pa.array(answers, pa.string()).take(coded.indices)


def spread(values: Sequence[Any], kind: pa.DataType, rows: NDArray[np.int32]) -> pa.Array:
    """Row i has `values[rows[i]]`."""
    return pa.array(values, kind).take(pa.array(rows))


def or_else(array: pa.Array, other: pa.Array) -> pa.Array:
    """Texts of `array`, and those of `other` where it has none."""
    return pc.if_else(pc.equal(pc.binary_length(array), 0), other, array)


def lines_to_texts(data: bytes) -> pa.Array:
    """One text per line of `data`, each ended by a line feed that is not part of it."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A)
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    body = data.replace(b"\n", b"")
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(body))


def id_texts(ids: NDArray[np.uint8]) -> pa.Array:
    """Canonical texts of ids given as rows of 16 bytes."""
    rows = len(ids)
    text = np.full((rows, UUID_CHARS), ord("-"), np.uint8)
    digits = np.frombuffer(ids.tobytes().hex().encode(), np.uint8)
    text[:, HEX] = digits.reshape(rows, 32)
    offsets = np.arange(rows + 1, dtype=np.int32) * UUID_CHARS
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text))
