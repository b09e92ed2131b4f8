"""Bytes out: every synced record of a spool, in order, also when its worker is gone."""

import fcntl
import logging
import os
from pathlib import Path

from tracker.durable import Files, make_directory, write_file
from tracker.errors import SpoolCorrupt, SpoolUnavailable
from tracker.spool.layout import (
    DAMAGED_NAME,
    LOCK_NAME,
    generations,
    read_header,
    read_id,
    segment_path,
)
from tracker.spool.mark import Mark, MarkReader
from tracker.spool.scan import Damage, Record, Scan
from tracker.spool.segment import FIRST_GROUP, decode_header

__all__ = ["Record", "SpoolReader"]

_log = logging.getLogger(__name__)


class SpoolReader:
    """Reads one spool from another process than the one that writes it; one thread at a time.

    Of the generation being written only what the mark says is synced is read; older ones are read
    to their end. When no process holds the spool's lock, everything on disk is closed.

    `corrupt`  records lost to damage, as far as their number can be known, since this was made
    `torn`     segments that ended in an unfinished group: a crash, nothing acknowledged
    """

    def __init__(self, directory: Path, *, files: Files | None = None) -> None:
        spool_id = read_id(directory)
        if spool_id is None:
            raise SpoolUnavailable(f"{directory} holds no spool: its file `id` is missing")
        self.spool_id = spool_id
        self.corrupt = 0
        self.torn = 0
        self._directory = directory
        self._files = files or Files()
        self._mark = MarkReader(directory)
        self._scan: Scan | None = None
        self._torn_here = False
        self._passed = 0  # the last generation read to its end
        self._after = (0, 0)
        self._dead_through = 0  # generations left by a worker that was seen dead
        self._known_end: int | None = None  # of the scanned generation, once it is closed
        self._finished: dict[int, int] = {}  # last sequence of generations read to their end
        self._lock = -1

    def seek(self, generation: int, sequence: int) -> None:
        """Go on behind the record (`generation`, `sequence`); (0, 0) is the start."""
        self._drop_scan()
        self._passed = max(generation - 1, 0)
        self._after = (generation, sequence)
        self._finished.clear()

    def read(self, max_records: int, max_bytes: int) -> list[Record]:
        """The next records that are synced, at most so many; [] when there is nothing now.

        Raises `OSError` when the disk fails or damaged bytes cannot be set aside; the same read
        may be tried again, nothing is passed over.
        """
        records: list[Record] = []
        mark = self._mark.read()
        while True:
            if self._scan is None and not self._open_next(mark):
                if records or not self._left_behind():
                    return records
                continue
            assert self._scan is not None
            limit, certain, closed = self._limit(self._scan, mark)
            good = self._scan.read(limit, records, max_records, max_bytes)
            if records:
                return records
            if not good:
                damage = self._scan.damage(limit, certain)
                if damage is not None:
                    self._pass_over(self._scan, damage)
                    continue
            if closed:
                self._finish(self._scan, certain)
            elif not self._left_behind():
                return records

    def release(self, generation: int, sequence: int) -> None:
        """Delete segments all of whose records are sealed, up to (`generation`, `sequence`).

        The newest segment stays, so that the next generation is always a new number.
        """
        deleted = False
        for candidate in generations(self._directory)[:-1]:
            last = self._finished.get(candidate)
            sealed = candidate < generation or (
                last is not None and (last == 0 or (candidate, last) <= (generation, sequence)))
            if not sealed or (self._scan is not None and self._scan.generation == candidate):
                break
            self._files.unlink(segment_path(self._directory, candidate))
            self._finished.pop(candidate, None)
            deleted = True
        if deleted:
            self._files.sync_directory(self._directory)

    def published(self) -> Mark:
        """What the writer says is synced, with its totals; for lag, from any thread."""
        return self._mark.read()

    def has_passed(self, mark: Mark) -> bool:
        """Whether all that was synced when `published` gave `mark` is read."""
        if self._scan is None:  # what is sealed may be gone
            return not any(self._passed < generation <= mark.generation
                           for generation in generations(self._directory))
        return (self._scan.generation, self._scan.offset) >= (mark.generation, mark.end)

    def backlog(self) -> int:
        """About how many bytes are synced and not read yet."""
        mark = self._mark.read()
        total = 0
        for generation in generations(self._directory):
            if generation <= self._passed:
                continue
            offset = FIRST_GROUP
            if self._scan is not None and self._scan.generation == generation:
                offset = self._scan.offset
            total += max(self._end_estimate(generation, mark) - offset, 0)
        return total

    def close(self) -> None:
        """Let go of all files."""
        self._drop_scan()
        self._mark.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- which generation -----------------------------------------------------------------------

    def _open_next(self, mark: Mark) -> bool:
        """Begin the next generation that may be read; False when there is none yet."""
        for generation in generations(self._directory):
            if generation <= self._passed:
                continue
            if generation > max(mark.generation, self._dead_through):
                return False
            if self._open(generation):
                return True
        return False

    def _open(self, generation: int) -> bool:
        """Begin one generation; False when it holds nothing to read."""
        descriptor = os.open(segment_path(self._directory, generation), os.O_RDONLY)
        try:
            header = decode_header(os.pread(descriptor, FIRST_GROUP, 0))
        except SpoolCorrupt as error:
            self._set_aside_all(descriptor, generation, error)
            header = None
        except BaseException:
            os.close(descriptor)
            raise
        if header is None:
            os.close(descriptor)
            self._finished[generation] = 0
            self._passed = generation
            return False
        after = self._after[1] if generation == self._after[0] else 0
        self._scan = Scan(descriptor, header, after)
        self._known_end = None
        self._torn_here = False
        return True

    def _limit(self, scan: Scan, mark: Mark) -> tuple[int, bool, bool]:
        """Up to where may be read, whether all of it was synced, and whether no more comes."""
        if self._known_end is not None:
            return self._known_end or scan.size(), self._known_end > 0, True
        if scan.generation >= mark.generation and scan.generation > self._dead_through:
            return mark.end, True, False
        self._known_end = self._end_of(scan.generation)
        if not self._known_end:
            self._sync(scan)
        return self._limit(scan, mark)

    def _end_of(self, generation: int) -> int:
        """Where the synced part of a closed generation ends, as the next one says; 0 if unknown."""
        for later in generations(self._directory):
            if later <= generation:
                continue
            try:
                header = read_header(segment_path(self._directory, later))
            except SpoolCorrupt:
                continue
            if header is not None:  # else it never came into use
                return header.previous_end if header.previous == generation else 0
        return 0

    def _left_behind(self) -> bool:
        """True when the worker is gone and left segments that count as closed only from now on.

        While nobody holds the lock nobody writes, and no one ever writes to an existing segment
        again.
        """
        if self._lock < 0:
            path = self._directory / LOCK_NAME
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        newest = max(generations(self._directory), default=0)
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        known, self._dead_through = self._dead_through, max(newest, self._dead_through)
        return self._dead_through > known

    def _finish(self, scan: Scan, certain: bool) -> None:
        if self._torn_here or (scan.unfinished and not certain):
            self.torn += 1
        self._finished[scan.generation] = scan.sequence
        self._passed = scan.generation
        self._drop_scan()

    def _drop_scan(self) -> None:
        if self._scan is not None:
            self._scan.close()
            self._scan = None

    def _sync(self, scan: Scan) -> None:
        """Its worker died and cannot say how far it had synced: what is read must be on disk."""
        try:
            scan.sync(self._files)
        except OSError as error:  # never tried again; what can be read is still worth sealing
            _log.error("generation %d cannot be synced: %s", scan.generation, error)

    def _end_estimate(self, generation: int, mark: Mark) -> int:
        if generation > max(mark.generation, self._dead_through):
            return 0
        if generation == mark.generation:
            return mark.end
        try:
            path = segment_path(self._directory, generation)
            return self._end_of(generation) or path.stat().st_size
        except FileNotFoundError:
            return 0

    # --- damage ---------------------------------------------------------------------------------

    def _pass_over(self, scan: Scan, damage: Damage) -> None:
        if damage.torn:
            self._torn_here = True
        elif not scan.passed_before(damage):
            self._set_aside(scan.generation, damage.start, scan.bytes_of(damage))
            self.corrupt += damage.lost
            _log.error("spool %s, generation %d: %d records lost to damage at %d to %d",
                       self._directory, scan.generation, damage.lost, damage.start, damage.end)
        scan.skip(damage)

    def _set_aside_all(self, descriptor: int, generation: int, error: SpoolCorrupt) -> None:
        data = os.pread(descriptor, os.fstat(descriptor).st_size, 0).rstrip(b"\0")
        if len(data) <= FIRST_GROUP:  # a crash while the header was written: no record was
            return
        self._set_aside(generation, 0, data)
        self.corrupt += 1
        _log.error("spool %s, generation %d: %s", self._directory, generation, error)

    def _set_aside(self, generation: int, offset: int, data: bytes) -> None:
        """Keep damaged bytes for whoever may want to look, before reading goes on."""
        folder = self._directory / DAMAGED_NAME
        make_directory(self._files, folder)
        if data:
            write_file(self._files, folder / f"{generation}-{offset}.bin", data)
