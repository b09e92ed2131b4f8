"""Which sealed batches may go, and what happens when those that may not fill the disk."""

from dataclasses import dataclass
from pathlib import Path

import structlog

from tracker.batches.files import BatchFiles
from tracker.delivery.courier import Courier
from tracker.durable import usage
from tracker.settings import SpoolSettings

_SUSPEND_SHARE = 0.8  # of the budget: others than critical stores are given up from here on
_DAY_NS = 86_400_000_000_000

log = structlog.get_logger("retention")


@dataclass(frozen=True, slots=True)
class Retention:
    """Called once a second by one thread.

    Batch rows stay until every store has landed them and `keep_seconds` are over. When the
    budget (`bytes`, `days`) is nearly spent, stores that are not critical are suspended: their
    cursor stays, a gap is recorded when they return. Critical stores make the door refuse.
    """

    files: BatchFiles
    couriers: tuple[Courier, ...]
    critical: frozenset[str]
    settings: SpoolSettings
    spools: Path

    def tidy(self, now: int) -> None:
        """Delete rows nobody waits for; `now` in nanoseconds since 1970."""
        if self._is_spent(now):
            self._suspend()
        landed = self._landed_by_all()
        for n in self.files.kept():
            manifest = self.files.manifest(n)
            if n > landed:
                break
            if not manifest or now - manifest.sealed_at >= self.settings.keep_seconds * 1e9:
                self.files.delete_rows(n)
        self.files.fold(landed)

    def blocked(self, now: int) -> str | None:
        """Why nothing more may be accepted, or None."""
        oldest = self._oldest_unlanded()
        if oldest is not None and now - oldest > self.settings.days * _DAY_NS:
            return f"a critical store is away for longer than Spool.Days ({self.settings.days:g})"
        return None

    def _is_spent(self, now: int) -> bool:
        oldest = self._oldest_unlanded()
        if oldest is not None and now - oldest > self.settings.days * _DAY_NS * _SUSPEND_SHARE:
            return True
        used = self.files.usage() + usage(self.spools)
        return used > self.settings.bytes * _SUSPEND_SHARE

    def _suspend(self) -> None:
        newest = self.files.newest.n if self.files.newest else 0
        for courier in self.couriers:
            behind = courier.cursor.landed < newest and not courier.state.reachable
            if behind and courier.store.name not in self.critical \
                    and not courier.cursor.position.suspended:
                courier.cursor.suspend()
                log.error("store suspended: it will miss batches", store=courier.store.name,
                          landed=courier.cursor.landed)

    def _landed_by_all(self) -> int:
        """The last batch that every store has which still counts."""
        newest = self.files.newest.n if self.files.newest else 0
        return min((courier.cursor.landed for courier in self.couriers
                    if not courier.cursor.position.suspended), default=newest)

    def _oldest_unlanded(self) -> int | None:
        manifest = self.files.manifest(self._landed_by_all() + 1)
        return manifest.oldest if manifest else None
