"""Bytes in, synced, acknowledged: the one way by which what arrived becomes accepted."""

import contextlib
import fcntl
import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from tracker.buckets import SECONDS_BUCKETS
from tracker.durable import FILE_MODE, Files, make_directory, write_whole
from tracker.errors import SpoolUnavailable
from tracker.settings import SpoolSettings
from tracker.spool.layout import LOCK_NAME, generations, keep_id
from tracker.spool.maker import RETRY_SECONDS, Blank, Maker
from tracker.spool.mark import Mark, MarkWriter
from tracker.spool.segment import (
    FIRST_GROUP,
    SALT_BYTES,
    SPOOL_ID_BYTES,
    SegmentHeader,
    encode_group,
    encode_header,
    next_group,
    room_for,
    seed_of,
)

GROUP_BYTES = 8 << 20
PENDING_BYTES = 64 << 20
RECORD_BYTES = 32 << 20
LOCK_SECONDS = 10.0
TURN_SECONDS = 60.0
"""A segment with records is closed after so long, so that what is sealed can be deleted."""
BUSY_SECONDS = 1.5
"""A segment that is full within so long takes large groups: zeros written ahead only cost there.

They save a commit of a few records the wait for the file system's journal, by a third.
"""
QUIET_SHARE = 4
"""Where there is little traffic, a segment of a fourth of the size is enough for that time."""
Item = tuple[bytes, object, int]
Deliver = Callable[[list[object], SpoolUnavailable | None], None]
Soon = Callable[[Callable[[], object]], object]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class SpoolStats:
    """What a spool did since it was opened; written by its commit thread, read by anyone.

    `records`, `events`, `bytes`  synced; bytes as on disk
    `groups`        syncs that worked
    `sync_buckets`  groups by the seconds of their write and sync; the last bucket is open
    `errors`        groups that failed
    """

    records: int = 0
    events: int = 0
    bytes: int = 0
    groups: int = 0
    sync_seconds: float = 0.0
    sync_buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS_BUCKETS) + 1))
    errors: int = 0

    def count_sync(self, seconds: float) -> None:
        """Count one write and sync."""
        self.sync_seconds += seconds
        self.sync_buckets[bisect_left(SECONDS_BUCKETS, seconds)] += 1


class _Segment:
    """The segment that is being written: where the next group goes, and how it is numbered."""

    def __init__(self, blank: Blank, salt: bytes) -> None:
        self.generation = blank.generation
        self.descriptor = blank.descriptor
        self.size = blank.size
        self.seed = seed_of(salt)
        self.end = FIRST_GROUP
        self.sequence = 1
        self.group = 1
        self.begun = 0.0  # when its first record came

    def is_stale(self, now: float) -> bool:
        """Whether it holds raw hits for so long that it must be left."""
        return self.sequence > 1 and now - self.begun >= TURN_SECONDS

    def fitting(self, items: list[Item]) -> int:
        """How many of `items`, from the first on, still go into this segment as one group."""
        room = self.size - next_group(self.end)
        for count, (record, _, _) in enumerate(items):
            room -= room_for(len(record))
            if room < 0:
                return count
        return len(items)


class Spool:
    """One worker's spool. Only its process writes it; `append` is called by one thread.

    Records are committed in groups by a thread of the spool: one write and one sync for all that
    wait. Then `deliver(waiters, error)` is called in that thread, groups in order: `error` is None
    when all of their records are on disk, else none of them was accepted.

    `soon` runs a function when the appending thread has done what it does now, as an event loop's
    `call_soon`: records appended until then wake the commit thread once, not one by one. Without
    it each record is handed over at once.
    """

    def __init__(self, directory: Path, settings: SpoolSettings, deliver: Deliver, *,
                 soon: Soon | None = None,
                 files: Files | None = None, pending_bytes: int = PENDING_BYTES,
                 random: Callable[[int], bytes] = os.urandom,
                 clock: Callable[[], int] = time.time_ns) -> None:
        self._directory = directory
        self._size = settings.segment_bytes
        self._deliver = deliver
        self._files = files or Files()
        self._bound = pending_bytes
        self._random = random
        self._clock = clock
        self.stats = SpoolStats()
        self.spool_id = ""
        self._taken = 0  # bytes appended: written by the appending thread only
        self._settled = 0  # bytes delivered, either way: written by the commit thread only
        self._refusing = threading.Lock()  # over the four below; reading the first needs none
        self._refusal: str | None = "the spool is not open"
        self._closed: str | None = None
        self._failing: str | None = None
        self._blocked: str | None = None
        self._tried = 0.0
        self._soon = soon
        self._gathered: list[Item] = []  # appended, not yet handed to the commit thread
        self._queue: SimpleQueue[list[Item] | None] = SimpleQueue()
        self._stopping = False
        self._segment: _Segment | None = None
        self._previous = (0, 0)
        self._lock = -1

    @property
    def pending_bytes(self) -> int:
        """Bytes appended that were neither synced nor refused yet."""
        return self._taken - self._settled

    @property
    def is_broken(self) -> bool:
        """Whether the commit thread ended by itself: nothing is answered any more."""
        return self._closed is None and not self._thread.is_alive()

    @property
    def refusal(self) -> str | None:
        """Why `append` would refuse now; None when it would take a record."""
        if self._refusal is None and self._taken - self._settled > self._bound:
            return "too many hits wait for the disk"
        return self._refusal

    def open(self) -> None:
        """Take the spool and start its threads; where no segment can be made it refuses for now.

        Raises `SpoolUnavailable` when another process has it, or when it is new and its id and mark
        cannot be written.
        """
        try:
            make_directory(self._files, self._directory)
            self._take_lock()
            self.spool_id = keep_id(self._directory, self._files, self._random(SPOOL_ID_BYTES))
            self._mark = MarkWriter(self._directory, self._files)
        except OSError as error:
            self._let_go()
            raise SpoolUnavailable(f"the spool {self._directory} cannot be opened: {error}; "
                                   "check the disk and the rights of DataDirectory") from error
        newest = max([self._mark.mark.generation, *generations(self._directory)])
        self._maker = Maker(self._directory, self._files, self._size, newest + 1)
        self._maker.start()
        self._thread = threading.Thread(target=self._run, name="spool-commit", daemon=True)
        self._try_segment(0)
        self._thread.start()

    def append(self, record: bytes, waiter: object, events: int = 1) -> None:
        """Give a record to the next group; `waiter` comes back through `deliver`.

        Raises `SpoolUnavailable` while nothing can be taken, `ValueError` for a record that no
        segment can hold.
        """
        size = len(record)
        if self._refusal is not None or self._taken - self._settled > self._bound:
            raise SpoolUnavailable(self._refusal or "too many hits wait for the disk")
        if size > RECORD_BYTES:
            raise ValueError(f"a record of {size} bytes is larger than the spool takes: "
                             f"{RECORD_BYTES}")
        self._taken += size
        if not self._gathered and self._soon is not None:
            self._soon(self._hand_over)
        self._gathered.append((record, waiter, events))
        if self._soon is None:
            self._hand_over()

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._queue.put(gathered)

    def block(self, reason: str | None) -> None:
        """Refuse what comes while there is a `reason` (the disk budget is spent)."""
        with self._refusing:
            self._blocked = reason
            self._refusal = self._closed or self._failing or reason

    def close(self) -> None:
        """Commit and deliver what is pending, then stop. Nothing may be appended any more."""
        with self._refusing:
            self._closed = self._refusal = "the spool is closed"
        self._hand_over()
        self._stopping = True
        self._queue.put(None)
        self._thread.join()
        self._maker.stop()
        self._close_segment()
        self._mark.close()
        self._let_go()

    # --- the lock -------------------------------------------------------------------------------

    def _take_lock(self) -> None:
        path = self._directory / LOCK_NAME
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # a dying predecessor, or a reader that looks whether we live
                if time.monotonic() > deadline:
                    raise OSError(f"another process holds {path}") from None
                time.sleep(0.01)
            else:
                return

    def _let_go(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- the commit thread ----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._commit_all()
        except BaseException:
            self._fail("the commit thread has ended, see the log; restart this process")
            raise

    def _commit_all(self) -> None:
        items: list[Item] = []
        while items or not (self._stopping and self._queue.empty()):
            items = items or self._collect()
            if self._segment is not None and self._segment.is_stale(time.monotonic()) \
                    and self._maker.is_ready:  # on a full disk the old one is better than none
                self._try_segment(0)
            if self._segment is None or (items and not self._segment.fitting(items)):
                self._next_segment(items)
            count = self._segment.fitting(items) if self._segment else len(items)
            if count:
                group, items = items[:count], items[count:]
                self._settle(group, self._commit(group))

    def _collect(self) -> list[Item]:
        """All that waits, up to the bound of a group; waits for the first. May be empty."""
        items: list[Item] = []
        size = 0
        with contextlib.suppress(Empty):
            gathered = self._queue.get(timeout=self._patience())
            while gathered is not None:
                items += gathered
                size += sum([len(item[0]) for item in gathered])
                if size >= GROUP_BYTES:
                    break
                gathered = self._queue.get_nowait()
        return items

    def _patience(self) -> float | None:
        """How long to wait for records before there is something else to do."""
        if self._failing:
            return RETRY_SECONDS
        return TURN_SECONDS if self._segment is not None and self._segment.sequence > 1 else None

    def _commit(self, items: list[Item]) -> SpoolUnavailable | None:
        """Write and sync one group; None when it is on disk and published."""
        segment = self._segment
        if segment is None:
            self.stats.errors += 1
            return SpoolUnavailable(self._failing)
        start = next_group(segment.end)
        records = [item[0] for item in items]
        data = encode_group(records, segment.seed, start, segment.sequence, segment.group)
        before = time.perf_counter()
        try:
            write_whole(self._files, segment.descriptor, data, start)
        except OSError as error:
            self.stats.errors += 1
            self._try_segment(0)  # its header says where this one ended, so it must not wait
            return SpoolUnavailable(f"the spool cannot be written: {error}")
        self.stats.count_sync(time.perf_counter() - before)
        if segment.sequence == 1:
            segment.begun = time.monotonic()
        segment.end = start + len(data)
        segment.sequence += len(items)
        segment.group += 1
        self._publish(segment, len(items), sum([item[2] for item in items]), len(data))
        return None

    def _publish(self, segment: _Segment, records: int, events: int, size: int) -> None:
        stats, mark = self.stats, self._mark.mark
        stats.groups += 1
        stats.records += records
        stats.events += events
        stats.bytes += size
        self._mark.publish(Mark(segment.generation, segment.end, mark.records + records,
                                mark.events + events, mark.bytes + size))

    def _settle(self, items: list[Item], error: SpoolUnavailable | None) -> None:
        self._settled += sum([len(item[0]) for item in items])
        try:
            self._deliver([item[1] for item in items], error)
        except Exception:  # one bad answer must not stop all that come after it
            _log.exception("answering a commit group failed")

    # --- segments -------------------------------------------------------------------------------

    def _next_segment(self, items: list[Item]) -> None:
        """Open a segment that can hold the first of `items`, if it is time to try again."""
        if not self._failing or time.monotonic() - self._tried >= RETRY_SECONDS:
            self._try_segment(room_for(len(items[0][0])) if items else 0)

    def _try_segment(self, room: int) -> None:
        """Open the next segment; on failure the spool refuses until a segment can be made."""
        last, self._tried = self._segment, time.monotonic()
        quiet = last is not None and last.end < last.size // 4
        busy = last is not None and not quiet and self._tried - last.begun < BUSY_SECONDS
        self._close_segment()
        try:
            blank = self._maker.take(room, QUIET_SHARE if quiet else 1, filled=not busy)
        except OSError as error:
            self._fail(f"no segment can be made: {error}")
            return
        salt = self._random(SALT_BYTES)
        header = SegmentHeader(bytes.fromhex(self.spool_id), blank.generation, salt, self._clock(),
                               *self._previous)
        try:
            write_whole(self._files, blank.descriptor, encode_header(header), 0)
        except OSError as error:
            self._fail(f"writing failed: {error}")
            with contextlib.suppress(OSError):
                self._files.close(blank.descriptor)
            return
        self._segment = _Segment(blank, salt)
        self._previous = (blank.generation, FIRST_GROUP)
        mark = self._mark.mark
        self._mark.publish(mark._replace(generation=blank.generation, end=FIRST_GROUP))
        self._fail(None)

    def _close_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            self._previous = (segment.generation, segment.end)
            with contextlib.suppress(OSError):
                self._files.close(segment.descriptor)

    def _fail(self, reason: str | None) -> None:
        with self._refusing:
            self._failing = reason
            self._refusal = self._closed or reason or self._blocked
