"""The directory of sealed batches: Arrow files, manifests, and totals of what was folded."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa

from tracker.batch import Batch, Manifest
from tracker.durable import Files, make_directory, remove, write_file
from tracker.state import read_state, write_state

_RESTORE = "restore it from a backup; without it, what is sealed and landed is not known"
KEPT_MANIFESTS = 2_000


class Totals(msgspec.Struct):
    """Sums over manifests; what was accepted is the sum of all the others but `conflicts`."""

    batches: int = 0
    hits: int = 0
    accepted: int = 0
    rows: int = 0
    duplicates: int = 0
    conflicts: int = 0
    filtered: dict[str, int] = msgspec.field(default_factory=dict)
    quarantined: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, manifest: Manifest) -> None:
        """Count one more batch."""
        self.batches += 1
        self.hits += manifest.hits
        self.accepted += manifest.accepted
        self.rows += manifest.rows
        self.duplicates += manifest.duplicates
        self.conflicts += manifest.conflicts
        _add_reasons(self.filtered, manifest.filtered)
        _add_reasons(self.quarantined, manifest.quarantined)

    def merge(self, other: "Totals") -> None:
        """Count all that `other` counted."""
        self.batches += other.batches
        self.hits += other.hits
        self.accepted += other.accepted
        self.rows += other.rows
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        _add_reasons(self.filtered, other.filtered)
        _add_reasons(self.quarantined, other.quarantined)


class Folded(msgspec.Struct):
    """Totals per hour (UTC, hours since 1970) of the manifests up to and with `through`.

    `imports` are the lines settled by any of them, as in `Manifest`.
    """

    through: int = 0
    hours: dict[int, Totals] = msgspec.field(default_factory=dict)
    imports: dict[str, int] = {}


class BatchFiles:
    """All batches of one data directory.

    Written by the sequencer's thread; couriers read. `totals` covers every batch ever sealed, as
    does `imports`: how many lines of each imported file are settled.
    """

    def __init__(self, directory: Path, files: Files | None = None) -> None:
        self.directory = directory
        self._files = files or Files()
        self.totals = Totals()
        self.imports: dict[str, int] = {}
        self._manifests: dict[int, Manifest] = {}
        self._folded = Folded()
        self.newest: Manifest | None = None

    def open(self) -> None:
        """Read all manifests and delete what was never sealed."""
        make_directory(self._files, self.directory)
        self._files.sync_directory(self.directory)  # of a process killed before it synced a name
        self._read_folded()
        for _, path in self._numbered("json"):
            self._read_manifest(path)
        for n in sorted(self._manifests):
            self.totals.add(self._manifests[n])
            self.imports |= self._manifests[n].imports
        if self._manifests:
            self.newest = self._manifests[max(self._manifests)]
        self._delete_unsealed()

    def seal(self, manifest: Manifest, table: pa.Table) -> None:
        """Make batch `manifest.n` exist; until the last step it does not.

        What must be durable with the batch (ids, dead letters) was written before this call.
        Raises `OSError` when the disk takes no more; then nothing changed.
        """
        write_file(self._files, self.arrow_path(manifest.n), _content(table))
        write_state(self._files, self.manifest_path(manifest.n), manifest)
        self._manifests[manifest.n] = manifest
        self.newest = manifest
        self.totals.add(manifest)
        self.imports |= manifest.imports

    def load(self, n: int) -> Batch:
        """Batch `n`, its table mapped from the file. Raises `FileNotFoundError` if it is gone."""
        path = self.arrow_path(n)
        if n not in self._manifests:
            raise FileNotFoundError(path)
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        return Batch(self._manifests[n], path, table)

    def manifest(self, n: int) -> Manifest | None:
        """The manifest of batch `n`, unless it was folded or never sealed."""
        return self._manifests.get(n)

    def kept(self) -> Iterator[int]:
        """Numbers of the batches whose rows are still here, ascending."""
        return iter(sorted(n for n, _ in self._numbered("arrow")))

    def delete_rows(self, n: int) -> None:
        """Forget the rows of batch `n`; its manifest stays."""
        remove(self._files, self.arrow_path(n))

    def fold(self, landed: int) -> None:
        """Fold the oldest manifests up to batch `landed` once there are many.

        The totals are made durable first and say how far they go, so a crash counts none twice.
        """
        foldable = sorted(n for n in self._manifests if n <= landed)[:-KEPT_MANIFESTS]
        if len(foldable) < KEPT_MANIFESTS:
            return
        for n in foldable:
            manifest = self._manifests.pop(n)
            hour = manifest.sealed_at // 3_600_000_000_000
            self._folded.hours.setdefault(hour, Totals()).add(manifest)
            self._folded.imports |= manifest.imports
        self._folded.through = foldable[-1]
        write_state(self._files, self.directory / "folded", self._folded)
        for n in foldable:
            remove(self._files, self.manifest_path(n))

    def usage(self) -> int:
        """Bytes of all files here."""
        with os.scandir(self.directory) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.is_file())

    def arrow_path(self, n: int) -> Path:
        """Where the rows of batch `n` lie."""
        return self.directory / f"{n:012d}.arrow"

    def manifest_path(self, n: int) -> Path:
        """Where the manifest of batch `n` lies."""
        return self.directory / f"{n:012d}.json"

    def _numbered(self, kind: str) -> list[tuple[int, Path]]:
        """The files of one kind with the numbers of their batches; no others that lie here."""
        return [(int(path.stem), path) for path in self.directory.glob(f"*.{kind}")
                if path.stem.isdecimal()]

    def _read_folded(self) -> None:
        path = self.directory / "folded"
        if path.exists():
            self._folded = read_state(path, Folded, _RESTORE)
        for totals in self._folded.hours.values():
            self.totals.merge(totals)
        self.imports |= self._folded.imports

    def _read_manifest(self, path: Path) -> None:
        manifest = read_state(path, Manifest, _RESTORE)
        if manifest.n <= self._folded.through:
            self._files.unlink(path)
        else:
            self._manifests[manifest.n] = manifest

    def _delete_unsealed(self) -> None:
        newest = self.newest.n if self.newest else self._folded.through
        for n, path in self._numbered("arrow"):
            if n > newest:
                self._files.unlink(path)
        for path in self.directory.glob("*.new"):
            self._files.unlink(path)


def _content(table: pa.Table) -> memoryview:
    """An Arrow file of one record batch, so that every store sees the rows in the same pieces."""
    rows = table.combine_chunks().to_batches()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)
    return memoryview(sink.getvalue())


def _add_reasons(sums: dict[str, int], more: dict[str, int]) -> None:
    for reason, count in more.items():
        sums[reason] = sums.get(reason, 0) + count
