"""Drops events whose client-made id was sealed before: one retry, one row, in all stores."""

import contextlib
import re
import zlib
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from tracker.durable import Files, make_directory, remove, write_file

ENTRY = np.dtype([
    ("print", "<u8"),  # keyed fingerprint of the id; entries are sorted by it
    ("high", "<u8"),  # the id's first 8 bytes, big-endian, as a number
    ("low", "<u8"),
    ("body", "<u8"),  # hash of the event's values
])
_MAGIC = b"TRKEIDS1"
_HEADER = np.dtype([
    ("magic", "S8"),
    ("sealed", "<i8"),
    ("count", "<u4"),
    ("check", "<u4"),  # CRC-32 of the fields before it; 0 in files of versions that made none
    ("crc", "<u8"),  # CRC-32 of the entries
])
_CHECKED_BYTES = 20
_FAN = 8  # runs of one size are merged when there are this many
_LARGEST = 1 << 20  # entries of a merged run: to merge takes the time of a batch, not of ten
_DAY_NS = 86_400_000_000_000

_NAME = re.compile(r"(\d+)-(\d+)\.eids")

log = structlog.get_logger("gate")

Ids = NDArray[np.uint64]  # shape (rows, 2): first and last 8 bytes, big-endian, as numbers
Bodies = NDArray[np.uint64]


@dataclass(slots=True)
class Run:
    """A sorted file of entries. `prints` is in memory, the rest is read where a print matches."""

    path: Path
    first: int
    last: int
    sealed: int  # of the newest batch in it, nanoseconds since 1970
    prints: NDArray[np.uint64]

    def entries(self) -> NDArray[np.void]:
        """All entries, mapped from the file."""
        return np.memmap(self.path, ENTRY, "r", _HEADER.itemsize, (len(self.prints),))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a batch: which rows to keep, and how many of the others conflict."""

    keep: NDArray[np.bool_]
    duplicates: int
    conflicts: int


@dataclass(slots=True)
class EidGate:
    """Ids of the last days, in one file per batch (`<n>.eids`), merged as they grow old.

    `keys` are two secret 64-bit numbers, so that nobody can choose ids whose fingerprints meet.
    Beyond `max_entries` the oldest run is forgotten and counted in `evicted`. `damaged` holds the
    names of files whose bytes were not those written. A fingerprint is also the check of its id, so
    damage to one entry takes no other with it.
    """

    directory: Path
    keys: tuple[int, int]
    days: float
    max_entries: int
    files: Files = field(default_factory=Files)
    evicted: int = 0
    damaged: set[str] = field(default_factory=set)
    _runs: list[Run] = field(default_factory=list)

    def open(self, newest: int) -> None:
        """Read the ids of batches up to `newest`; files of batches never sealed are deleted."""
        make_directory(self.files, self.directory)
        runs = [self._read(path, int(name[1]), int(name[2]))
                for path in sorted(self.directory.iterdir())
                if (name := _NAME.fullmatch(path.name))]
        self._runs = []
        for run in sorted((run for run in runs if run), key=_by_age):
            if run.last > newest or (self._runs and run.last <= self._runs[-1].last):
                self.files.unlink(run.path)  # never sealed; or a merge took it in before a crash
            else:
                self._runs.append(run)

    @property
    def entries(self) -> int:
        """How many ids are remembered."""
        return sum(len(run.prints) for run in self._runs)

    def judge(self, ids: Ids, bodies: Bodies, given: NDArray[np.bool_]) -> Verdict:
        """Look at the events of one batch in their order; only those with `given` ids can go."""
        keep = np.ones(len(ids), dtype=np.bool_)
        rows = np.flatnonzero(given)
        if not len(rows):
            return Verdict(keep, 0, 0)
        first, same_body = _first_of_each(ids[rows], bodies[rows])
        conflicts = int(np.count_nonzero(~same_body))
        keep[rows[~first]] = False
        candidates = rows[first]
        seen, conflicting = self._seen(ids[candidates], bodies[candidates])
        keep[candidates[seen]] = False
        duplicates = len(keep) - int(np.count_nonzero(keep))
        return Verdict(keep, duplicates, conflicts + conflicting)

    def write(self, n: int, sealed: int, ids: Ids, bodies: Bodies) -> Run | None:
        """Make the ids of batch `n` durable, before the batch is sealed; None if it has none."""
        if not len(ids):
            return None
        entries = np.empty(len(ids), ENTRY)
        entries["print"] = self._prints(ids)
        entries["high"], entries["low"], entries["body"] = ids[:, 0], ids[:, 1], bodies
        return self._save(n, n, sealed, _sorted(entries))

    def add(self, run: Run | None) -> None:
        """Remember the ids of a batch that was sealed."""
        if run is None:
            return
        self._runs.append(run)
        with contextlib.suppress(OSError):  # a full disk: the runs stay as many as they are
            self._merge()
        while self.entries > self.max_entries and len(self._runs) > 1:
            self.evicted += len(self._runs[0].prints)
            self._forget(self._runs.pop(0))

    def expire(self, now: int) -> None:
        """Forget what is older than `days`; `now` is in nanoseconds since 1970."""
        limit = now - int(self.days * _DAY_NS)
        while self._runs and self._runs[0].sealed < limit:
            self._forget(self._runs.pop(0))

    def _prints(self, ids: Ids) -> NDArray[np.uint64]:
        high = _mix(ids[:, 0] ^ np.uint64(self.keys[0]))
        return _mix(high ^ ids[:, 1] ^ np.uint64(self.keys[1]))

    def _seen(self, ids: Ids, bodies: Bodies) -> tuple[NDArray[np.bool_], int]:
        """Which of these ids (each there once) were sealed before, and how many conflict."""
        prints = self._prints(ids)
        order = np.argsort(prints)
        prints, ids, bodies = prints[order], ids[order], bodies[order]
        seen = np.zeros(len(ids), dtype=np.bool_)
        conflicts = 0
        for run in self._runs:
            at = np.searchsorted(run.prints, prints)
            at[at == len(run.prints)] = 0
            for row in np.flatnonzero((run.prints[at] == prints) & ~seen):
                entry = self._find(run, int(at[row]), ids[row])
                if entry is not None:
                    seen[row] = True
                    conflicts += int(entry["body"] != bodies[row])
        unsorted = np.empty_like(seen)
        unsorted[order] = seen
        return unsorted, conflicts

    def _merge(self) -> None:
        """Merge the newest runs once a fan of like size stands together, so that runs stay few."""
        tail = self._mergeable()
        while tail:
            entries = _sorted(np.concatenate([self._whole(run) for run in tail]))
            merged = self._save(tail[0].first, tail[-1].last, tail[-1].sealed, entries)
            self._runs[-len(tail):] = [merged]
            for run in tail:
                self._forget(run)
            tail = self._mergeable()

    def _mergeable(self) -> list[Run]:
        """The newest runs up to some size if a fan of that size is among them, else none.

        What would be too large together stays as it is. Runs of different eighths of `days` stay
        apart, so that ids can grow old in pieces.
        """
        eighth = max(int(self.days * _DAY_NS / 8), 1)
        newest = self._runs[-1].sealed // eighth
        # Those that stand together: a clock set back may have put others between.
        recent = [*takewhile(lambda run: run.sealed // eighth == newest, reversed(self._runs))]
        recent.reverse()
        for level in sorted({_level(run) for run in recent}):
            tail = recent[_behind_larger(recent, level):]
            if sum(_level(run) == level for run in tail) >= _FAN \
                    and sum(len(run.prints) for run in tail) <= _LARGEST:
                return tail
        return []

    def _save(self, first: int, last: int, sealed: int, entries: NDArray[np.void]) -> Run:
        path = self.directory / f"{first:012d}-{last:012d}.eids"
        content = entries.tobytes()
        header = np.array([(_MAGIC, sealed, len(entries), 0, zlib.crc32(content))], _HEADER)
        header["check"] = zlib.crc32(header.tobytes()[:_CHECKED_BYTES])
        write_file(self.files, path, header.tobytes(), content)
        return Run(path, first, last, sealed, entries["print"].copy())

    def _read(self, path: Path, first: int, last: int) -> Run | None:
        content = path.read_bytes()
        sealed, entries, whole = _parsed(content)
        if not whole:
            entries = self._set_aside(path, content, entries)
            if not len(entries):
                remove(self.files, path)
                return None
            return self._save(first, last, sealed or path.stat().st_mtime_ns, entries)
        assert sealed is not None
        return Run(path, first, last, sealed, entries["print"].copy())

    def _whole(self, run: Run) -> NDArray[np.void]:
        """The entries of a run, as they are on disk now, without those that are damaged."""
        content = run.path.read_bytes()
        _, entries, whole = _parsed(content)
        return entries if whole else self._set_aside(run.path, content, entries)

    def _set_aside(self, path: Path, content: bytes, entries: NDArray[np.void]) -> NDArray[np.void]:
        """Keep a damaged file for whoever may want to look; gives back the entries that are good.
        """
        aside = path.with_suffix(".damaged")
        write_file(self.files, aside, content)
        good = entries[self._is_good(entries)]
        self.damaged.add(path.name)
        log.error("ids are damaged: repeats of those lost will count as new", file=path.name,
                  set_aside=aside.name, good=len(good), lost=len(entries) - len(good))
        return good

    def _is_good(self, entries: NDArray[np.void]) -> NDArray[np.bool_]:
        ids = np.column_stack([entries["high"], entries["low"]])
        return np.asarray(self._prints(ids) == entries["print"], np.bool_)

    def _find(self, run: Run, at: int, wanted: Ids) -> np.void | None:
        """The entry of exactly this id at or behind `at`, where equal fingerprints stand together.

        One that does not fit its fingerprint was damaged since it was read, and counts as this id.
        """
        behind = at + int(np.searchsorted(run.prints[at:], run.prints[at], side="right"))
        entries = run.entries()[at:behind]
        found = np.flatnonzero((entries["high"] == wanted[0]) & (entries["low"] == wanted[1]))
        if not len(found):
            ids = np.column_stack([entries["high"], entries["low"]])
            found = np.flatnonzero(self._prints(ids) != run.prints[at:behind])
            if len(found):
                self.damaged.add(run.path.name)
        return entries[found[0]] if len(found) else None

    def _forget(self, run: Run) -> None:
        with contextlib.suppress(OSError):  # it comes back at the next start, to be forgotten then
            remove(self.files, run.path)


def _parsed(content: bytes) -> tuple[int | None, NDArray[np.void], bool]:
    """When a file of ids was sealed, if it can be known, its entries, and whether it is whole."""
    body = content[_HEADER.itemsize:]
    entries = np.frombuffer(body, ENTRY, len(body) // ENTRY.itemsize)
    if len(content) < _HEADER.itemsize:
        return None, entries, False
    header = np.frombuffer(content, _HEADER, 1)[0]
    if header["magic"] != _MAGIC \
            or header["check"] not in {0, zlib.crc32(content[:_CHECKED_BYTES])}:
        return None, entries, False
    whole = zlib.crc32(body) == header["crc"] and len(entries) == header["count"]
    return int(header["sealed"]), entries, bool(whole)


def _sorted(entries: NDArray[np.void]) -> NDArray[np.void]:
    """By fingerprint: numbers are sorted eight times as fast as whole entries by a field."""
    return entries[np.argsort(entries["print"])]


def _by_age(run: Run) -> tuple[int, int]:
    return run.first, -run.last


def _level(run: Run) -> int:
    return int(np.log2(len(run.prints)) / np.log2(_FAN)) if len(run.prints) else 0


def _behind_larger(runs: list[Run], level: int) -> int:
    """Where the runs behind the last one above `level` begin."""
    return max((at + 1 for at, run in enumerate(runs) if _level(run) > level), default=0)


def _first_of_each(ids: Ids, bodies: Bodies) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each row: is it the first with its id, and has it the first one's body."""
    order = np.lexsort((np.arange(len(ids)), ids[:, 1], ids[:, 0]))
    ordered = ids[order]
    new = np.ones(len(ids), dtype=np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    head = np.maximum.accumulate(np.where(new, np.arange(len(ids)), 0))
    first, same_body = np.empty_like(new), np.empty_like(new)
    first[order] = new
    same_body[order] = bodies[order] == bodies[order][head]
    return first, same_body


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): each bit in moves every bit out."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
