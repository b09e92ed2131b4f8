"""Reads all spools, refines once, drops repeats, seals: hits become batch n, for all stores."""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from tracker.batch import Manifest, SpoolRange
from tracker.batches.account import Sealing, account
from tracker.batches.deadletters import DeadLetters
from tracker.batches.files import BatchFiles
from tracker.batches.gate import EidGate
from tracker.batches.pending import Pending
from tracker.durable import Files
from tracker.errors import SpoolUnavailable
from tracker.imported import SPOOL
from tracker.metrics import SequencerCounts, add
from tracker.refine.refinery import Refinery
from tracker.settings import BatchSettings
from tracker.spool.mark import Mark
from tracker.spool.reader import Record, SpoolReader

_PAUSE_SECONDS = 0.02
_IDLE_SECONDS = 0.1  # the pause once nothing has come for a while: each wake-up costs
_FIND_SECONDS = 1.0
_RETRY_SECONDS = 0.5

log = structlog.get_logger("sequencer")


@dataclass(slots=True)
class _Source:
    """One spool and how far it was looked at."""

    reader: SpoolReader
    events: int  # read, counted as the writer counts


@dataclass(slots=True, eq=False)
class _Flush:
    """Answered when every spool is read up to `marks`, which are taken at the next step.

    No clock tells what was acknowledged before the flush: clocks are set back.
    """

    marks: dict[str, Mark] | None = None
    done: Future[int] = field(default_factory=Future)


class Sequencer:
    """One per data directory; its thread calls `run`, all else may be called from any thread."""

    def __init__(
        self, sequencer: str, spools: Path, files: BatchFiles, gate: EidGate, dead: DeadLetters,
        refinery: Refinery, settings: BatchSettings, versions: Callable[[], dict[str, str]],
        *, on_sealed: Callable[[Manifest], None], on_disk_error: Callable[[OSError], None],
        is_idle: Callable[[], bool] = lambda: False,
        clock: Callable[[], int] = time.time_ns, disk: Files | None = None,
    ) -> None:
        self.counts = SequencerCounts()
        self.last_error: str | None = None
        self.pending = Pending(settings)
        self._sequencer = sequencer
        self._spools = spools
        self._files = files
        self._gate = gate
        self._dead = dead
        self._refinery = refinery
        self._settings = settings
        self._versions = versions
        self._on_sealed = on_sealed
        self._on_disk_error = on_disk_error
        self._is_idle = is_idle
        self._clock = clock
        self._disk = disk or Files()
        self._sources: dict[str, _Source] = {}
        self._strange: set[str] = set()
        self._looked = float("-inf")
        self._flushes: list[_Flush] = []
        self._asked = threading.Event()  # to flush, now
        self._lock = threading.Lock()

    @property
    def readers(self) -> list[SpoolReader]:
        """The spools that are read."""
        return [source.reader for source in list(self._sources.values())]

    def unsealed_events(self) -> int:
        """How many events are synced and in no batch yet."""
        unread = (source.reader.published().events - source.events
                  for source in list(self._sources.values()))
        return self.pending.events + sum(max(events, 0) for events in unread)

    def run(self, stop: threading.Event) -> None:
        """Seal batches until `stop` is set, then seal what is synced and return."""
        pause = _PAUSE_SECONDS
        while not stop.is_set():
            if self.step():
                pause = _PAUSE_SECONDS
            elif self._asked.wait(pause):
                self._asked.clear()
            elif not self.pending:
                pause = min(pause * 1.1, _IDLE_SECONDS)
        self.flush()
        while self._flushes:
            self.step()

    def flush(self) -> Future[int]:
        """Seal all that is acknowledged now; gives the number of the newest batch then."""
        flush = _Flush()
        with self._lock:
            self._flushes.append(flush)
        self._asked.set()
        return flush.done

    def step(self) -> bool:
        """Look at all spools once and seal a batch if it is time; true if it did anything.

        What a full batch leaves over is not sealed before the spools were read again: an insert
        of a few rows costs nearly as much as a full one.
        """
        self._find_spools()
        for flush in self._flushes:
            if flush.marks is None:
                flush.marks = {name: source.reader.published()
                               for name, source in self._sources.items()}
        found = self._gather()
        due = self.pending.is_due(flushing=bool(self._flushes), idle=self._is_idle())
        if due:
            self._seal()
        self._answer_flushes()
        return found or due

    def _find_spools(self) -> None:
        """Open new spool directories, those of workers no longer configured too."""
        if time.monotonic() - self._looked < _FIND_SECONDS and not self._flushes:
            return
        self._looked = time.monotonic()
        self._release()
        for directory in sorted(self._spools.iterdir()) if self._spools.exists() else ():
            if directory.name not in self._sources and (directory / "id").exists():
                try:
                    reader = SpoolReader(directory, files=self._disk)
                except SpoolUnavailable as error:
                    self._complain(directory.name, error)
                    continue
                sealed = self._sealed().get(reader.spool_id)
                reader.seek(*((sealed.generation, sealed.sequence) if sealed else (0, 0)))
                self._sources[directory.name] = _Source(reader, sealed.events if sealed else 0)

    def _complain(self, name: str, error: SpoolUnavailable) -> None:
        """Say once of a directory that it is no spool; it may become one."""
        if name not in self._strange:
            self._strange.add(name)
            log.error("a directory among the spools is none", error=str(error))

    def _sealed(self) -> dict[str, SpoolRange]:
        return self._files.newest.spools if self._files.newest else {}

    def _gather(self) -> bool:
        """Read on in every spool while there is room."""
        found = False
        for source in self._in_order():
            while self.pending.has_room():
                published = source.reader.published()
                records = self._read(source.reader)
                if records is None:
                    break
                if not records:
                    source.events = published.events
                    break
                found = True
                before = self.pending.events
                self.pending.add(source.reader, records)
                source.events += self.pending.events - before
        return found

    def _in_order(self) -> list[_Source]:
        """Imports last: files can wait for visitors."""
        return [self._sources[name] for name in sorted(self._sources, key=SPOOL.__eq__)]

    def _read(self, reader: SpoolReader) -> list[Record] | None:
        """The next records; None when the disk does not give them now."""
        try:
            records = reader.read(*self.pending.room())
        except OSError as error:
            self.counts.errors += 1
            self.last_error = f"a spool cannot be read: {error.strerror}"
            return None
        self.last_error = None
        return records

    def _release(self) -> None:
        """Let go of segments that are sealed, also what starts without traffic left behind."""
        sealed = self._sealed()
        for source in self._sources.values():
            position = sealed.get(source.reader.spool_id)
            if position:
                with contextlib.suppress(OSError):  # a disk that does not work now; asked again
                    source.reader.release(position.generation, position.sequence)

    def _seal(self) -> None:
        """Make the next batch of what is pending; tries again until the disk takes it."""
        sealing = self._prepare()
        started = time.monotonic()
        while not self._write(sealing):
            time.sleep(_RETRY_SECONDS)
        self.pending.drop(sealing.hits)
        self.counts.seal.observe(time.monotonic() - started)
        self._count(sealing.manifest)
        self._release()
        self._on_sealed(sealing.manifest)

    def _count(self, manifest: Manifest) -> None:
        counts = self.counts
        counts.batches += 1
        counts.hits += manifest.hits
        counts.events += manifest.accepted
        counts.rows += manifest.rows
        counts.bytes += manifest.bytes
        counts.duplicates += manifest.duplicates
        counts.conflicts += manifest.conflicts
        counts.filtered = add(counts.filtered, manifest.filtered)
        counts.quarantined = add(counts.quarantined, manifest.quarantined)

    def _prepare(self) -> Sealing:
        """Decide batch n wholly; from here on its content is fixed."""
        started = time.monotonic()
        newest = self._files.newest
        sealing = account(
            self.pending.take(), self._sealed(), self._files.imports, self._refinery, self._gate,
            self._settings.partitions,
            lambda spools, counts: Manifest(
                sequencer=self._sequencer, n=(newest.n if newest else 0) + 1,
                sealed_at=self._clock(), spools=spools, versions=self._versions(), **counts))
        self.counts.refine.observe(time.monotonic() - started)
        return sealing

    def _write(self, sealing: Sealing) -> bool:
        n, sealed_at = sealing.manifest.n, sealing.manifest.sealed_at
        try:
            run = self._gate.write(n, sealed_at, sealing.ids, sealing.bodies)
            self._dead.write(n, sealing.letters)
            self._files.seal(sealing.manifest, sealing.table)
        except OSError as error:
            self.counts.errors += 1
            self.last_error = f"batch {n} cannot be written: {error.strerror}"
            log.error("cannot seal", batch=n, error=error.strerror)  # noqa: TRY400 - no trace needed
            self._on_disk_error(error)
            return False
        self.last_error = None
        self._gate.add(run)
        self._gate.expire(self._clock())
        return True

    def _answer_flushes(self) -> None:
        """Answer those whose every hit is sealed: each spool was read that far."""
        if not self._flushes or self.pending:
            return
        with self._lock:
            done = [flush for flush in self._flushes if self._is_read(flush.marks)]
            self._flushes = [flush for flush in self._flushes if flush not in done]
        for flush in done:
            flush.done.set_result(self._files.newest.n if self._files.newest else 0)

    def _is_read(self, marks: dict[str, Mark] | None) -> bool:
        return marks is not None and all(self._sources[name].reader.has_passed(mark)
                                         for name, mark in marks.items())
