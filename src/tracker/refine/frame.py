"""The events of one call while they are refined: what was sent, and the columns made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracker.hit import Hit
from tracker.refine.decode import Values
from tracker.refine.head import Fields
from tracker.refine.refined import DeadLetter

Cell = Any


@dataclass(slots=True)
class Frame:
    """A working table. Each step takes what was sent for its columns and sets them.

    `events`   row -> what of the event no step has taken; in the end it goes to `params`
    `hit`      row -> place of its hit in `hits`; `index` row -> its place in that hit
    `own`      row -> hash of what was sent for it, for rows that came with an `eid`
    `shared`   rows of a batch whose `eid` came beside its body: no event's own
    `heads`    distinct heads; `head` row -> place in it
    `sent`     name -> row -> value sent, None where none; taken from `events`
    `keys`     name -> row -> the key it was sent by; a single text where all rows have the same
    `params`   row -> the object in its `params`, None where none
    `messages` row with a thread -> the texts of its message, taken from the event
    `ids`      row -> the bytes of its `eid`; `given` row -> the client sent it
    `columns`  finished columns
    """

    hits: Sequence[Hit]
    events: list[Values]
    hit: NDArray[np.int32]
    index: NDArray[np.int32]
    heads: list[Fields]
    head: NDArray[np.int32]
    dead: list[DeadLetter]
    own: dict[int, int] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)
    sent: dict[str, list[Cell]] = field(default_factory=dict)
    keys: dict[str, str | list[str]] = field(default_factory=dict)
    params: list[Values | None] = field(default_factory=list)
    messages: dict[int, Values] = field(default_factory=dict)
    ids: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 16), np.uint8))
    given: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    columns: dict[str, pa.Array] = field(default_factory=dict)
    filtered: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.events)

    def keep(self, row: int, name: str, value: Cell) -> None:
        """Leave a value that no column takes to `params`, under the key it was sent by."""
        keys = self.keys.get(name, name)
        self.events[row][keys if isinstance(keys, str) else keys[row]] = value

    def select(self, rows: list[int]) -> None:
        """Go on with these rows only; before any column is made."""
        assert not self.columns
        for name, values in self.sent.items():
            self.sent[name] = [values[row] for row in rows]
        for name, keys in self.keys.items():
            self.keys[name] = keys if isinstance(keys, str) else [keys[row] for row in rows]
        self.own = {new: self.own[old] for new, old in enumerate(rows) if old in self.own}
        self.shared = {new for new, old in enumerate(rows) if old in self.shared}
        self.events = [self.events[row] for row in rows]
        self.hit, self.index, self.head = self.hit[rows], self.index[rows], self.head[rows]
