"""Ids of clients in one spelling, and ids of our own for many events at once."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.hit import Hit
from tracker.refine.arrays import DASHES, HEX, UUID_CHARS

NIL = "00000000-0000-0000-0000-000000000000"

_UUID = re.compile(
    r"(?:urn:uuid:)?(?:([0-9a-f]{32})"
    r"|(\{)?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?(2)\}))", re.IGNORECASE | re.ASCII)
UUID_LENGTHS = frozenset({32, 36, 38, 41, 45, 47})
_LENGTHS = np.isin(np.arange(64), list(UUID_LENGTHS))
_CANONICAL = UUID_CHARS
_DIGITS = np.full(256, 16, np.uint8)  # of a character the value as a hexadecimal digit, else 16
for _digit in "0123456789abcdefABCDEF":
    _DIGITS[ord(_digit)] = int(_digit, 16)


def canonical(text: str) -> str:
    """A UUID in lower case with dashes; any other text, and the nil UUID as "" for none."""
    digits = uuid_digits(text)
    if digits is None:
        return text
    dashed = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return "" if dashed == NIL else dashed


def uuid_digits(text: str) -> str | None:
    """The 32 digits of a UUID, plain, dashed, in braces or as a URN; None of other text."""
    found = _UUID.fullmatch(text) if len(text) in UUID_LENGTHS else None
    if found is None:
        return None
    return (found[1] or found[3].replace("-", "")).lower()


def canonical_column(array: pa.Array) -> pa.Array:
    """`canonical` of each text; only those that are not so already are looked at one by one."""
    lengths = pc.binary_length(array).to_numpy()
    candidates = _LENGTHS[np.minimum(lengths, 63)]
    plain = pc.equal(array, pc.ascii_lower(array)).to_numpy(zero_copy_only=False)
    nil = pc.equal(array, NIL).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(candidates & ~((lengths == _CANONICAL) & plain & ~nil))
    if not len(odd):
        return array
    values = array.to_pylist()
    for row in odd.tolist():
        values[row] = canonical(values[row])
    return pa.array(values, pa.string())


def plain_ids(sent: Sequence[Any]) -> tuple[NDArray[np.uint8], NDArray[np.intp]] | None:
    """The UUIDs among values that have 36 characters, all at once: as rows of 16 bytes, and where.

    Not those spelt in another way, and not the nil UUID. None where most values are no such text.
    """
    rows = [row for row, value in enumerate(sent)
            if type(value) is str and len(value) == _CANONICAL]
    if 2 * len(rows) < len(sent):
        return None
    found = sent if len(rows) == len(sent) else [sent[row] for row in rows]
    joined = "".join(found)
    if not joined.isascii():
        return None
    text = np.frombuffer(joined.encode(), np.uint8).reshape(-1, _CANONICAL)
    digits = _DIGITS[text[:, HEX]]
    good = (text[:, DASHES] == ord("-")).all(axis=1) & (digits < 16).all(axis=1)
    good &= digits.any(axis=1)
    digits = digits[good]
    return digits[:, ::2] << 4 | digits[:, 1::2], np.array(rows, np.intp)[good]


def event_ids(hits: Sequence[Hit], hit: NDArray[np.int32],
              index: NDArray[np.int32]) -> NDArray[np.uint8]:
    """`tracker.hit.event_id` of every row, as rows of 16 bytes."""
    ids = hit_ids(hits)[hit]
    low = ids[:, 0:4].copy().view(">u4")[:, 0].astype(np.uint64)
    mid = ids[:, 4:6].copy().view(">u2")[:, 0].astype(np.uint64)
    high = ids[:, 6:8].copy().view(">u2")[:, 0].astype(np.uint64)
    ticks = (high & np.uint64(0x0FFF)) << np.uint64(48) | mid << np.uint64(32) | low
    ticks = ticks + index.astype(np.uint64) + np.uint64(1)
    ids[:, 0:4] = (ticks & np.uint64(0xFFFFFFFF)).astype(">u4").view(np.uint8).reshape(-1, 4)
    ids[:, 4:6] = (ticks >> np.uint64(32)).astype(">u2").view(np.uint8).reshape(-1, 2)
    version = ticks >> np.uint64(48) & np.uint64(0x0FFF) | np.uint64(0x1000)
    ids[:, 6:8] = version.astype(">u2").view(np.uint8).reshape(-1, 2)
    return ids


def hit_ids(hits: Sequence[Hit]) -> NDArray[np.uint8]:
    """The ids of hits, as rows of 16 bytes."""
    joined = b"".join([hit.id for hit in hits])
    return np.frombuffer(joined, np.uint8).reshape(len(hits), 16)
