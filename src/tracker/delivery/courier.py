"""Carries batch n to one store, then n + 1; a store that is away delays only itself."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from tracker.batch import Batch
from tracker.batches.deadletters import DeadLetters, RefusedRow
from tracker.batches.files import BatchFiles
from tracker.delivery.cursor import Cursor
from tracker.errors import BatchRefused, StoreError
from tracker.metrics import Histogram
from tracker.stores.base import Store

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
_LOOK_SECONDS = 1.0

log = structlog.get_logger("courier")


def pauses() -> Iterator[float]:
    """Seconds to wait before each next try: doubled up to a bound, with full jitter."""
    pause = _FIRST_PAUSE
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311 - jitter is no secret
        pause = min(pause * 2, _LONGEST_PAUSE)


@dataclass(slots=True)
class CourierStats:
    """Plain numbers for health and metrics."""

    reachable: bool = False
    last_error: str | None = None
    batches: int = 0
    events: int = 0
    bytes: int = 0
    errors: int = 0
    refused: int = 0
    insert: Histogram = field(default_factory=Histogram)


class Courier:
    """One per store. `on_landed(n)` is called when the cursor has moved to n."""

    def __init__(
        self, store: Store, files: BatchFiles, cursor: Cursor, dead: DeadLetters,
        on_landed: Callable[[int], None],
    ) -> None:
        self.store = store
        self.cursor = cursor
        self.stats = CourierStats()
        self._files = files
        self._dead = dead
        self._on_landed = on_landed
        self._sealed = threading.Event()

    def wake(self) -> None:
        """A batch was sealed."""
        self._sealed.set()

    def run(self, stop: threading.Event) -> None:
        """Carry until `stop` is set; then return after the batch in hand."""
        while not stop.is_set():
            try:
                self._open(stop)
                self._carry(stop)
            except StoreError as error:
                self._away(error)
            finally:
                self.store.close()

    def _open(self, stop: threading.Event) -> None:
        for pause in pauses():
            try:
                self.store.open()
            except StoreError as error:
                self._away(error)
            else:
                self._back()
                return
            if stop.wait(pause):
                return

    def _back(self) -> None:
        self.stats.reachable, self.stats.last_error = True, None
        if self.cursor.position.suspended:
            self.cursor.resume(min(self._files.kept(), default=self._next_unsealed()))

    def _next_unsealed(self) -> int:
        return (self._files.newest.n if self._files.newest else 0) + 1

    def _carry(self, stop: threading.Event) -> None:
        """Land what is sealed, in order; wait for more."""
        waits = pauses()
        while not stop.is_set():
            n = self.cursor.landed + 1
            if n >= self._next_unsealed():
                self._sealed.wait(_LOOK_SECONDS)
                self._sealed.clear()
                continue
            try:
                self._land(n)
                waits = pauses()
                self._back()
            except StoreError as error:
                self._away(error)
                stop.wait(next(waits))

    def _land(self, n: int) -> None:
        batch = self._files.load(n)
        started = time.monotonic()
        self._land_surely(batch)
        self.stats.insert.observe(time.monotonic() - started)
        self.cursor.advance(n)
        self.stats.batches += 1
        self.stats.events += batch.manifest.rows
        self.stats.bytes += batch.path.stat().st_size
        self._on_landed(n)

    def _land_surely(self, batch: Batch) -> None:
        """Land a batch; what the store refuses is halved until the culprit is set aside.

        The halves are the same whenever this batch comes again, and so are their tokens.
        """
        try:
            self.store.land(batch)
        except BatchRefused as error:
            first, behind = batch.span or (0, batch.table.num_rows)
            if behind - first <= 1:
                self._refuse(batch, first, error)
                return
            middle = (first + behind) // 2
            self._land_surely(batch.part(first, middle))
            self._land_surely(batch.part(middle, behind))

    def _refuse(self, batch: Batch, row: int, error: BatchRefused) -> None:
        self.stats.refused += 1
        rows = batch.table.to_pylist()
        self._dead.refuse(batch.n, row, RefusedRow(
            self.store.name, str(error), rows[0] if rows else {}))
        log.error("a row was refused", store=self.store.name, batch=batch.n, row=row)

    def _away(self, error: StoreError) -> None:
        if self.stats.last_error is None:
            log.warning("store is away", store=self.store.name, error=str(error))
        self.stats.reachable = False
        self.stats.errors += 1
        self.stats.last_error = str(error)
