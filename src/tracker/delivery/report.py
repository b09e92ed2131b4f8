"""What the store process tells the others: its counters, and how far each store has come."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tracker.batches.files import BatchFiles
from tracker.batches.gate import EidGate
from tracker.batches.sequencer import Sequencer
from tracker.delivery.courier import Courier
from tracker.delivery.retention import Retention
from tracker.metrics import (
    Accounting,
    LandingCounts,
    SnapshotFile,
    StoreSnapshot,
    StoreState,
    add,
)


@dataclass(slots=True)
class Report:
    """Writes a `StoreSnapshot` each time it is asked; counters go on from a predecessor's."""

    file: SnapshotFile
    sequencer: Sequencer
    couriers: tuple[Courier, ...]
    files: BatchFiles
    gate: EidGate
    retention: Retention
    logins: Callable[[], dict[str, int]] = dict
    _before: LandingCounts = field(default_factory=LandingCounts)

    def __post_init__(self) -> None:
        previous = self.file.previous(StoreSnapshot)
        if previous is not None:
            self._before = previous.counts

    def write(self) -> None:
        """Tell how it stands now."""
        now = time.time_ns()
        newest = self.files.newest
        self.file.write(StoreSnapshot(
            stamp=self.file.stamp(),
            counts=add(self._before, self._counts()),
            accounting=self._accounting(),
            stores={c.store.name: self._state(c, now) for c in self.couriers},
            sealed=newest.n if newest else 0,
            lag_bytes=sum(reader.backlog() for reader in self.sequencer.readers),
            lag_seconds=_age(self.sequencer.pending.oldest, now),
            eid_entries=self.gate.entries,
            blocked=self.retention.blocked(now),
            last_error=self.sequencer.last_error,
        ))

    def _counts(self) -> LandingCounts:
        counts = self.sequencer.counts
        counts.eid_evictions = self.gate.evicted
        counts.damaged = len(self.files.damaged) + len(self.gate.damaged) + sum(
            courier.cursor.was_damaged for courier in self.couriers)
        counts.corrupt = sum(reader.corrupt for reader in self.sequencer.readers)
        counts.torn = sum(reader.torn for reader in self.sequencer.readers)
        return LandingCounts(
            counts, {courier.store.name: courier.counts for courier in self.couriers},
            self.logins())

    def _accounting(self) -> Accounting:
        totals = self.files.totals
        landed = {c.store.name: c.cursor.position.rows for c in self.couriers}
        return Accounting(
            accepted=totals.accepted, landed=landed,
            missed={c.store.name: max(totals.rows - self._behind(c) - landed[c.store.name], 0)
                    for c in self.couriers},
            filtered=totals.filtered, quarantined=totals.quarantined,
            duplicate=totals.duplicates)

    def _state(self, courier: Courier, now: int) -> StoreState:
        """Behind are the batches sealed and not landed, and what is still in the spools."""
        unlanded = self.files.manifest(courier.cursor.landed + 1)
        oldest = unlanded.oldest if unlanded else self.sequencer.pending.oldest
        state = courier.state
        return StoreState(
            reachable=state.reachable,
            lag_events=self._behind(courier) + self.sequencer.unsealed_events(),
            lag_seconds=_age(oldest, now), last_error=state.last_error,
            cursor=courier.cursor.landed, suspended=courier.cursor.position.suspended,
            gaps=[(gap.first, gap.last) for gap in courier.cursor.position.gaps])

    def _behind(self, courier: Courier) -> int:
        """Rows sealed and not landed there."""
        newest = self.files.newest.n if self.files.newest else 0
        manifests = (self.files.manifest(n) for n in range(courier.cursor.landed + 1, newest + 1))
        return sum(manifest.rows for manifest in manifests if manifest)


def _age(since: int | None, now: int) -> float:
    """Seconds from `since` (nanoseconds since 1970; None is now) to `now`."""
    return 0.0 if since is None else max(round((now - since) / 1e9, 3), 0.0)
