"""What refining yields: events as a table, and an account of every event that is not in it."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Drop(StrEnum):
    """Why an event was understood and yet left out."""

    ACCOUNT = "account"  # AccountHashMixer is set and `acct` is not the account of the host


class Reason(StrEnum):
    """Why an event could not be understood."""

    NOT_JSON = "not_json"  # the bytes are no JSON, whatever the door found
    NOT_AN_OBJECT = "not_an_object"  # JSON, but no object
    MISSING = "missing"  # the body holds fewer events than the door counted
    UNKNOWN_SHAPE = "unknown_shape"  # written by a version that knows more shapes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that cannot be understood; `hit` is its place in the sequence refined.

    `raw` is what was sent for it. A body that is broken as a whole makes one letter for each
    event the door counted; only the first of them carries the bytes.
    """

    hit: int
    index: int
    reason: Reason
    raw: bytes


@dataclass(slots=True)
class Refined:
    """Events in the order of (hit, index), and what became of all others.

    `table`      one row per event, the columns of `BATCH_COLUMNS`
    `hit`        row -> place of its hit in the sequence refined
    `eids`       row -> the 16 bytes of its `eid`
    `given`      row -> the client sent that id
    `body_hash`  row -> 64-bit hash of what was sent for the event, 0 where no id was given
    `filtered`   how many events were left out, by `Drop`
    """

    table: pa.Table
    hit: NDArray[np.int32]
    eids: NDArray[np.void]
    given: NDArray[np.bool_]
    body_hash: NDArray[np.uint64]
    dead: list[DeadLetter] = field(default_factory=list)
    filtered: dict[str, int] = field(default_factory=dict)
