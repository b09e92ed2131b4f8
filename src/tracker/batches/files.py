"""The directory of sealed batches: Arrow files, manifests, and totals of what was folded."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa

from tracker.batch import Batch, Manifest
from tracker.batches.scarcity import is_scarcity
from tracker.durable import Files, make_directory, remove, write_file
from tracker.errors import BatchDamaged
from tracker.state import read_state, write_state

_RESTORE = "restore it from a backup; without it, what is sealed and landed is not known"
_AROUND_BYTES = 1 << 20  # the schema, twice, and the file's footer
KEPT_MANIFESTS = 2_000
_PIECE = 1 << 20
T = TypeVar("T")


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
    does `imports`: how many lines of each imported file are settled. `damaged` holds the names of
    files whose bytes were not those written.
    """

    def __init__(self, directory: Path, files: Files | None = None) -> None:
        self.directory = directory
        self._files = files or Files()
        self.totals = Totals()
        self.damaged: set[str] = set()
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
        content = _content(table)
        manifest = msgspec.structs.replace(manifest, rows_crc=zlib.crc32(content))
        write_file(self._files, self.arrow_path(manifest.n), content)
        write_state(self._files, self.manifest_path(manifest.n), manifest)
        self._manifests[manifest.n] = manifest
        self.newest = manifest
        self.totals.add(manifest)
        self.imports |= manifest.imports

    def load(self, n: int) -> Batch:
        """Batch `n`, its table mapped from the file.

        Raises `FileNotFoundError` if it is gone, `BatchDamaged` if it is not what was sealed.
        """
        path, manifest = self.arrow_path(n), self._manifests.get(n)
        if manifest is None:
            raise FileNotFoundError(path)
        try:
            return Batch(manifest, path, _checked_table(path, manifest))
        except BatchDamaged:
            self.damaged.add(path.name)
            raise

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
            self._folded = self._read_state(path, Folded)
        for totals in self._folded.hours.values():
            self.totals.merge(totals)
        self.imports |= self._folded.imports

    def _read_manifest(self, path: Path) -> None:
        manifest = self._read_state(path, Manifest)
        if manifest.n <= self._folded.through:
            self._files.unlink(path)
        else:
            self._manifests[manifest.n] = manifest

    def _read_state(self, path: Path, kind: type[T]) -> T:
        value, whole = read_state(self._files, path, kind, _RESTORE)
        if not whole:
            self.damaged.add(path.name)
        return value

    def _delete_unsealed(self) -> None:
        newest = self.newest.n if self.newest else self._folded.through
        for n, path in self._numbered("arrow"):
            if n > newest:
                self._files.unlink(path)
        for path in self.directory.glob("*.new"):
            self._files.unlink(path)


def _checked_table(path: Path, manifest: Manifest) -> pa.Table:
    crc = 0
    with path.open("rb", buffering=0) as file:  # read, not mapped: a bad sector ends no process
        while piece := file.read(_PIECE):
            crc = zlib.crc32(piece, crc)
    if manifest.rows_crc not in {None, crc}:
        raise BatchDamaged(f"{path} is damaged: its checksum is not that of its manifest")
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        if manifest.rows_crc is None:
            table.validate(full=True)
    except pa.ArrowException as error:
        if manifest.rows_crc is not None or is_scarcity(error):
            raise  # the bytes are those that were sealed
        raise BatchDamaged(f"{path} is damaged: {error}") from error
    if table.num_rows != manifest.rows:
        raise BatchDamaged(f"{path} is damaged: {table.num_rows} rows instead of {manifest.rows}")
    return table


def _content(table: pa.Table) -> memoryview:
    """An Arrow file of one record batch, so that every store sees the rows in the same pieces."""
    rows = table.combine_chunks().to_batches()
    sizes = map(pa.ipc.get_record_batch_size, rows)
    buffer = pa.allocate_buffer(sum(sizes) + _AROUND_BYTES)
    sink = pa.FixedSizeBufferWriter(buffer)
    with pa.ipc.new_file(sink, table.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)
    size = sink.tell()
    return memoryview(buffer)[:size]


def _add_reasons(sums: dict[str, int], more: dict[str, int]) -> None:
    for reason, count in more.items():
        sums[reason] = sums.get(reason, 0) + count
