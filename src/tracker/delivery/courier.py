"""Carries batch n to one store, then n + 1; a store that is away delays only itself."""

import random
import threading
import time
from collections.abc import Callable, Iterator

import structlog

from tracker.batch import Batch
from tracker.batches.deadletters import DeadLetters, RefusedRow
from tracker.batches.files import BatchFiles
from tracker.delivery.cursor import Cursor
from tracker.errors import BatchDamaged, BatchRefused, StoreDamaged
from tracker.metrics import StoreCounts, StoreState
from tracker.stores.base import Store

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
_LOOK_SECONDS = 1.0
_CHECK_SECONDS = 5.0
_USED_SECONDS = 15.0  # after these a process may end for damage that it has not landed into

log = structlog.get_logger("courier")


def pauses() -> Iterator[float]:
    """Seconds to wait before each next try: doubled up to a bound, with full jitter."""
    pause = _FIRST_PAUSE
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311 - jitter is no secret
        pause = min(pause * 2, _LONGEST_PAUSE)


class Courier:
    """One per store; its thread calls `run`, all else may be called from any thread."""

    def __init__(
        self, store: Store, files: BatchFiles, cursor: Cursor, dead: DeadLetters,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called when the store has gone away or come back."""
        self.store = store
        self.cursor = cursor
        self.counts = StoreCounts()
        self.state = StoreState(reachable=False)
        self._files = files
        self._dead = dead
        self._on_change = on_change
        self._sealed = threading.Event()
        self._landed = threading.Condition()
        self._checked = 0.0
        self._began = time.monotonic()

    def wake(self) -> None:
        """A batch was sealed."""
        self._sealed.set()

    def wait_for(self, n: int, seconds: float) -> bool:
        """Wait until batch `n` has landed; false if it did not in time."""
        with self._landed:
            return self._landed.wait_for(lambda: self.cursor.landed >= n, seconds)

    def run(self, stop: threading.Event) -> None:
        """Carry until `stop` is set; then return after the batch in hand."""
        if self._open(stop):
            self._carry(stop)
            self.store.close()

    def _open(self, stop: threading.Event) -> bool:
        """Try until the store is there; false if `stop` came first."""
        for pause in pauses():
            try:
                self.store.open()
            except Exception as error:  # a store's driver may raise anything
                self._away(error)
            else:
                self._back()
                return True
            if stop.wait(pause):
                break
        return False

    def _back(self) -> None:
        self.state.last_error = None
        self._set_reachable(reachable=True)
        self._resume(self._next())

    def _set_reachable(self, *, reachable: bool) -> None:
        before, self.state.reachable = self.state.reachable, reachable
        if before != reachable:
            self._on_change()

    def _resume(self, n: int) -> None:
        """Batch `n` is the first that a store which was suspended gets again."""
        if self.cursor.position.suspended:
            self.cursor.resume(n)

    def _next(self) -> int:
        """The batch to land: the next one, or, of a suspended store, the next that is kept."""
        n = self.cursor.landed + 1
        return self._next_kept(n) if self.cursor.position.suspended else n

    def _next_kept(self, n: int) -> int:
        return min((kept for kept in self._files.kept() if kept >= n),
                   default=self._next_unsealed())

    def _next_unsealed(self) -> int:
        return (self._files.newest.n if self._files.newest else 0) + 1

    def _carry(self, stop: threading.Event) -> None:
        """Land what is sealed, in order; wait for more."""
        waits = pauses()
        while not stop.is_set():
            n = self._next()
            idle = n >= self._next_unsealed()
            if idle and self.state.reachable:
                self._sealed.wait(_LOOK_SECONDS)
                self._sealed.clear()
            try:
                self._check()
                if idle and self.state.reachable:
                    continue
                if idle:  # it was away, and no batch will tell that it is back
                    self.store.open()
                elif (batch := self._load(n)) is None:
                    self._miss(n)
                    continue
                else:
                    self._land(batch)
            except Exception as error:  # the batch comes again
                self._away(error)
                if isinstance(error, StoreDamaged) and self._is_used():
                    raise  # a new process mends it; one that has just started is no better
                stop.wait(next(waits))
            else:
                waits = pauses()
                self._back()

    def _is_used(self) -> bool:
        """Whether damage may have come since this process started."""
        return bool(self.counts.batches) or time.monotonic() - self._began >= _USED_SECONDS

    def _check(self) -> None:
        """Now and then let the store look at itself."""
        if time.monotonic() - self._checked >= _CHECK_SECONDS:
            self._checked = time.monotonic()
            self.store.check()

    def _load(self, n: int) -> Batch | None:
        """Batch `n`; None when its rows are gone, or are not those that were sealed."""
        try:
            return self._files.load(n)
        except FileNotFoundError:
            return None
        except BatchDamaged as error:
            path = self._files.arrow_path(n)
            log.error("a batch is damaged and lands not: its store has a gap",  # noqa: TRY400 - all is said
                      store=self.store.name, error=str(error), kept=f"{path.name}.damaged")
            self._dead.keep_damaged(path)
            return None

    def _land(self, batch: Batch) -> None:
        started = time.monotonic()
        refused = self._land_surely(batch)
        if refused and refused == batch.table.num_rows:
            self.store.land(batch.part(0, 0))  # no row took its account along
        rows = batch.manifest.rows - refused
        self.counts.insert.observe(time.monotonic() - started)
        self._resume(batch.n)
        self.cursor.advance(batch.n, rows)
        self.counts.batches += 1
        self.counts.events += rows
        self.counts.rows += rows
        self.counts.refused += refused
        self.counts.bytes += batch.path.stat().st_size
        with self._landed:
            self._landed.notify_all()

    def _miss(self, n: int) -> None:
        """Go on behind rows that are gone: a cursor older than the batches, as from a backup."""
        if self.cursor.position.suspended:
            return  # they went just now, and what is missed is known once it takes a batch
        oldest = self._next_kept(n + 1)
        log.error("batches are gone", store=self.store.name, first=n, last=oldest - 1)
        self.cursor.resume(oldest)

    def _land_surely(self, batch: Batch) -> int:
        """Land a batch; what the store refuses is halved until the culprit is set aside.

        The halves are the same whenever this batch comes again, and so are their tokens. Gives
        back how many rows were set aside.
        """
        try:
            self.store.land(batch)
        except BatchRefused as error:
            first, behind = batch.span or (0, batch.table.num_rows)
            if behind - first <= 1:
                self._refuse(batch, first, error)
                return 1
            middle = (first + behind) // 2
            return (self._land_surely(batch.part(first, middle))
                    + self._land_surely(batch.part(middle, behind)))
        return 0

    def _refuse(self, batch: Batch, row: int, error: BatchRefused) -> None:
        rows = batch.table.to_pylist()
        self._dead.refuse(batch.n, row, RefusedRow(
            self.store.name, str(error), rows[0] if rows else {}))
        log.error("a row was refused", store=self.store.name, batch=batch.n, row=row)

    def _away(self, error: Exception) -> None:
        message = str(error) or type(error).__name__
        if self.state.last_error is None:
            log.warning("store is away", store=self.store.name, error=message)
        self.state.last_error = message
        self.counts.errors += 1
        self._set_reachable(reachable=False)
