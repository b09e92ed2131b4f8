"""Hits that were read from the spools and wait to be sealed, in the order they were read."""

import time
from collections import deque
from collections.abc import Sequence
from functools import partial

import msgspec

from tracker.hit import Hit, decode_hit
from tracker.settings import BatchSettings
from tracker.spool.reader import Record, SpoolReader

_READ_RECORDS = 2_000
_READ_BYTES = 8 << 20
_FEW = 200  # events
_IDLE_SHARE, _BUSY_SHARE = 0.3, 0.5  # of the longest wait


class Taken(msgspec.Struct, frozen=True, gc=False):
    """One spool record; `hit` is None when its bytes are no hit.

    `events`  how many were accepted with it
    `bytes`   about what they come to as rows: each repeats what the head says
    """

    spool_id: str
    record: Record
    hit: Hit | None
    events: int
    bytes: int


class Pending:
    """A queue bounded in events and bytes, which knows when it is due to be sealed."""

    def __init__(self, settings: BatchSettings) -> None:
        self.events = 0
        self.bytes = 0
        self._settings = settings
        self._taken: deque[Taken] = deque()
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._taken)

    @property
    def oldest(self) -> int | None:
        """When the first of them was received, nanoseconds since 1970."""
        return next((taken.hit.received for taken in list(self._taken)[:1] if taken.hit), None)

    def has_room(self) -> bool:
        """Whether more may be read."""
        return self.events < self._settings.rows_behind and self.bytes < self._settings.bytes

    def room(self) -> tuple[int, int]:
        """Most records and bytes to read at once."""
        return _READ_RECORDS, _READ_BYTES

    def add(self, reader: SpoolReader, records: Sequence[Record]) -> None:
        """Queue records of one spool."""
        if not self._taken:
            self._since = time.monotonic()
        for taken in map(partial(_taken, reader.spool_id), records):
            self._taken.append(taken)
            self.events += taken.events
            self.bytes += taken.bytes

    def is_due(self, *, flushing: bool, idle: bool = False) -> bool:
        """Whether a batch is to be sealed now; `idle`: a store has nothing else to land."""
        return bool(self._taken) and (
            flushing
            or self.events >= self._settings.rows
            or self.bytes >= self._settings.bytes
            or time.monotonic() - self._since >= self._patience(idle))

    def _patience(self, idle: bool) -> float:
        """Seconds to wait for more: an insert costs about 60 ms of CPU, however small it is."""
        longest = self._settings.linger_seconds
        return longest * (1.0 if self.events < _FEW else _IDLE_SHARE if idle else _BUSY_SHARE)

    def take(self) -> list[Taken]:
        """The first of them that fit into a batch, at least one; they stay queued."""
        if self.events <= self._settings.rows_behind and self.bytes <= self._settings.bytes:
            return list(self._taken)
        chosen: list[Taken] = []
        events = size = 0
        for taken in self._taken:
            events += taken.events
            size += taken.bytes
            if chosen and (events > self._settings.rows_behind or size > self._settings.bytes):
                break
            chosen.append(taken)
        return chosen

    def drop(self, count: int) -> None:
        """Forget the first `count`: they are sealed."""
        if count == len(self._taken):
            self._taken.clear()
            self.events = self.bytes = 0
            return
        for _ in range(count):
            taken = self._taken.popleft()
            self.events -= taken.events
            self.bytes -= taken.bytes


def _taken(spool_id: str, record: Record) -> Taken:
    size = len(record.data)
    try:
        hit = decode_hit(record.data)
    except msgspec.DecodeError:
        return Taken(spool_id, record, None, 1, size)
    if hit.events > 1:
        size += len(hit.head) * (hit.events - 1)
    return Taken(spool_id, record, hit, hit.events, size)
