"""What each process counts, how it tells the others: one small snapshot file per process."""

import os
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tracker.buckets import SECONDS_BUCKETS

STALE_SECONDS = 5.0
"""A process whose snapshot is older is down or stuck."""


class Histogram(msgspec.Struct):
    """Seconds counted in fixed buckets (`SECONDS_BUCKETS`), not cumulated."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(SECONDS_BUCKETS) + 1))
    sum: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(SECONDS_BUCKETS, seconds)] += 1
        self.sum += seconds


class DoorCounts(msgspec.Struct):
    """What the door of one worker did; `requests` by "route status".

    `messages` came by `websockets`; bad ones are counted too.
    """

    connections: int = 0
    hits: int = 0
    events: int = 0
    bytes: int = 0
    errors: int = 0
    requests: dict[str, int] = {}
    websockets: int = 0
    messages: int = 0


class SpoolCounts(msgspec.Struct):
    """What one worker's spool wrote; `groups` are its syncs."""

    hits: int = 0
    events: int = 0
    bytes: int = 0
    groups: int = 0
    errors: int = 0
    sync: Histogram = msgspec.field(default_factory=Histogram)


class EdgeCounts(msgspec.Struct):
    """All counters of a worker: they only grow, and outlive a restart of the worker."""

    door: DoorCounts = msgspec.field(default_factory=DoorCounts)
    spool: SpoolCounts = msgspec.field(default_factory=SpoolCounts)


class StoreCounts(msgspec.Struct):
    """What one courier landed in its store; `insert` is one batch into all tables.

    `refused` rows became dead letters.
    """

    batches: int = 0
    events: int = 0
    rows: int = 0
    bytes: int = 0
    errors: int = 0
    refused: int = 0
    insert: Histogram = msgspec.field(default_factory=Histogram)


class SequencerCounts(msgspec.Struct):
    """What the sequencer read and sealed; reasons as in the manifests.

    `corrupt` and `torn` are records of spools that could not be read, by kind of damage; `damaged`
    are files of batches, ids and cursors whose bytes were not those written.
    """

    batches: int = 0
    hits: int = 0
    events: int = 0
    rows: int = 0
    bytes: int = 0
    errors: int = 0
    duplicates: int = 0
    conflicts: int = 0
    filtered: dict[str, int] = {}
    quarantined: dict[str, int] = {}
    corrupt: int = 0
    torn: int = 0
    damaged: int = 0
    eid_evictions: int = 0
    refine: Histogram = msgspec.field(default_factory=Histogram)
    seal: Histogram = msgspec.field(default_factory=Histogram)


class QueryCounts(msgspec.Struct):
    """What the query endpoint answered: counts that only grow, and outlive a restart."""

    queries: int = 0
    errors: int = 0
    seconds: Histogram = msgspec.field(default_factory=Histogram)


class LandingCounts(msgspec.Struct):
    """All counters of the store process: they only grow, and outlive its restart.

    `logins` are calls of the registry by what came of their key or password.
    """

    sequencer: SequencerCounts = msgspec.field(default_factory=SequencerCounts)
    stores: dict[str, StoreCounts] = {}
    logins: dict[str, int] = {}


class Accounting(msgspec.Struct):
    """Where every accepted event of this data directory went, from the manifests, for all time.

    For each store: accepted = landed + still to land + missed + filtered + quarantined + duplicate.
    `missed` were in batches that went while it was suspended, or were refused by it.
    """

    accepted: int = 0
    landed: dict[str, int] = {}
    missed: dict[str, int] = {}
    filtered: dict[str, int] = {}
    quarantined: dict[str, int] = {}
    duplicate: int = 0


class StoreState(msgspec.Struct):
    """How one store is now.

    `lag_seconds`  age of the oldest event it still lacks
    `suspended`    nobody waits for it: batches may go before they landed there
    `gaps`         batches it will not get: first and last of each gap
    """

    reachable: bool
    lag_events: int = 0
    lag_seconds: float = 0.0
    last_error: str | None = None
    cursor: int = 0
    suspended: bool = False
    gaps: list[tuple[int, int]] = []


class Stamp(msgspec.Struct):
    """Whose snapshot this is, and when it was written (seconds since 1970)."""

    process: str
    supervisor: int
    pid: int
    version: str
    started: float
    written: float


class EdgeSnapshot(msgspec.Struct):
    """One worker, as others see it; `refuses` says why its spool takes nothing now."""

    stamp: Stamp
    counts: EdgeCounts
    connections: int = 0
    pending_bytes: int = 0
    refuses: str | None = None


class StoreSnapshot(msgspec.Struct):
    """The store process, as others see it.

    `lag_*` of the sequencer: what is in the spools and not sealed. `sealed` is the newest batch.
    `blocked` says why nothing more may be accepted; `last_error` is the sequencer's.
    """

    stamp: Stamp
    counts: LandingCounts
    accounting: Accounting = msgspec.field(default_factory=Accounting)
    stores: dict[str, StoreState] = {}
    sealed: int = 0
    lag_bytes: int = 0
    lag_seconds: float = 0.0
    eid_entries: int = 0
    blocked: str | None = None
    last_error: str | None = None


class QuerySnapshot(msgspec.Struct):
    """The query process, as others see it; `confined` by the kernel to what it needs."""

    stamp: Stamp
    counts: QueryCounts
    running: int = 0
    confined: bool = False


Snapshot = EdgeSnapshot | StoreSnapshot | QuerySnapshot
S = TypeVar("S", EdgeSnapshot, StoreSnapshot, QuerySnapshot)
C = TypeVar("C", EdgeCounts, LandingCounts)


def add(one: Any, other: Any) -> Any:
    """The sum of two of the same kind: numbers, lists of them, dicts, Structs of all these."""
    if isinstance(one, msgspec.Struct):
        return type(one)(**{name: add(getattr(one, name), getattr(other, name))
                            for name in one.__struct_fields__})
    if isinstance(one, dict):
        return {key: add(one[key], other[key]) if key in one and key in other
                else one.get(key, other.get(key)) for key in {**one, **other}}
    if isinstance(one, list):
        return [add(*pair) for pair in zip(one, other, strict=True)]
    return one + other


class SnapshotFile:
    """The snapshot of one process: `DataDirectory/run/<process>.json`, replaced each second.

    No sync: after a crash of the machine there is no process left that it could speak of.
    """

    def __init__(self, run: Path, process: str, version: str,
                 clock: Callable[[], float] = time.time) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._path = run / f"{process}.json"
        self._clock = clock
        self._stamp = Stamp(process, os.getppid(), os.getpid(), version, clock(), 0.0)

    def previous(self, kind: type[S]) -> S | None:
        """What a predecessor under the same supervisor wrote last."""
        found = read_snapshot(self._path, kind)
        if found is None or found.stamp.supervisor != self._stamp.supervisor:
            return None
        return found

    def stamp(self) -> Stamp:
        """The stamp of a snapshot written now."""
        return msgspec.structs.replace(self._stamp, written=self._clock())

    def write(self, snapshot: Snapshot) -> None:
        """Replace the file in one step, so that readers see the old or the new one whole."""
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(snapshot))
        draft.replace(self._path)


def read_snapshot(path: Path, kind: type[S]) -> S | None:
    """One snapshot, or None when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def read_edges(run: Path, supervisor: int) -> list[EdgeSnapshot]:
    """The newest snapshot of each worker that `supervisor` started."""
    found = (read_snapshot(path, EdgeSnapshot) for path in sorted(run.glob("w*.json")))
    return [edge for edge in found if edge is not None and edge.stamp.supervisor == supervisor]


def read_query(run: Path, supervisor: int) -> QuerySnapshot | None:
    """The newest snapshot of the query process that `supervisor` started."""
    query = read_snapshot(run / "query" / "query.json", QuerySnapshot)
    return query if query is not None and query.stamp.supervisor == supervisor else None


def read_store(run: Path, supervisor: int) -> StoreSnapshot | None:
    """The newest snapshot of the store process that `supervisor` started."""
    store = read_snapshot(run / "store.json", StoreSnapshot)
    return store if store is not None and store.stamp.supervisor == supervisor else None
