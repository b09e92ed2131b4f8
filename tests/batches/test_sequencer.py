"""Hits of all spools become batches: each once, in order, accounted for, also after a crash."""

import errno
import threading
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from harness.hits import NOON, hit, record
from tracker.batch import Manifest
from tracker.batches import sequencer
from tracker.batches.deadletters import DeadLetters
from tracker.batches.files import BatchFiles
from tracker.batches.gate import EidGate
from tracker.batches.pending import Pending
from tracker.batches.sequencer import Sequencer
from tracker.hit import Route, encode_hit
from tracker.lineitems import ROW_BYTES
from tracker.refine.refinery import Refinery
from tracker.settings import BatchSettings, RefineSettings, SpoolSettings
from tracker.spool.layout import generations, segment_path
from tracker.spool.reader import SpoolReader
from tracker.spool.writer import Spool

SMALL = SpoolSettings(segment_bytes=1 << 20)


class Bench:
    """A sequencer over real spools; `restart` forgets all that is not on disk."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = BatchSettings(linger_seconds=0.0, **settings)
        self.disk_errors: list[int] = []
        self.restart()

    def restart(self) -> None:
        self.files = BatchFiles(self.folder / "batches")
        self.files.open()
        newest = self.files.newest.n if self.files.newest else 0
        self.gate = EidGate(self.folder / "batches", (1, 2), 3.0, 1_000_000)
        self.gate.open(newest)
        self.dead = DeadLetters(self.folder / "dead")
        self.dead.open(newest)
        self.sealed: list[Manifest] = []
        self.sequencer = Sequencer(
            "seq", self.folder / "spool", self.files, self.gate, self.dead,
            Refinery(RefineSettings(private_key=b"k", created_past_seconds=0)), self.settings, dict,
            on_sealed=self.sealed.append,
            on_disk_error=lambda error: self.disk_errors.append(error.errno or 0))

    def spool(self, name: str, *records: bytes) -> None:
        """Write records as a worker would, then be gone."""
        errors: list[object] = []
        spool = Spool(self.folder / "spool" / name, SMALL, lambda _, error: errors.append(error))
        spool.open()
        for one in records:
            spool.append(one, None)
        spool.close()
        assert not any(errors)

    def seal(self) -> list[Manifest]:
        """Seal all there is."""
        done = self.sequencer.flush()
        while not done.done():
            self.sequencer.step()
        return self.sealed

    def rows(self, column: str) -> list[Any]:
        """A column of all batches in order."""
        return [value for n in self.files.kept()
                for value in self.files.load(n).table[column].to_pylist()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_events_of_all_spools_are_sealed_once_and_accounted_for(bench: Bench) -> None:
    bench.spool("w0", record({"ename": "a"}, {"ename": "b"}, number=1))
    bench.spool("w7", record({"ename": "c"}, number=2))
    sealed = bench.seal()

    assert ["a", "b", "c"] == sorted(bench.rows("ename"))
    assert 3 == sum(manifest.accepted for manifest in sealed) == bench.files.totals.rows


def test_a_restart_seals_nothing_again_and_goes_on(bench: Bench) -> None:
    bench.spool("w0", record({"ename": "a"}, number=1))
    bench.seal()
    bench.restart()
    bench.spool("w0", record({"ename": "b"}, number=2))
    bench.seal()

    assert ["a", "b"] == bench.rows("ename")
    assert [1, 2] == list(bench.files.kept())


def test_a_batch_whose_manifest_is_missing_never_was(bench: Bench) -> None:
    bench.spool("w0", record({"ename": "a", "eid": str(uuid.UUID(int=5))}, number=1))
    bench.seal()
    bench.files.manifest_path(1).unlink()
    bench.restart()
    bench.seal()

    assert ["a"] == bench.rows("ename")
    assert 1 == bench.files.totals.rows


def test_a_repeated_eid_is_one_row_and_one_duplicate(bench: Bench) -> None:
    event = {"ename": "paid", "eid": str(uuid.uuid4())}
    bench.spool("w0", record(event, number=1))
    bench.seal()
    bench.restart()
    bench.spool("w1", record(event, {"ename": "other"}, number=2))
    bench.seal()

    assert ["paid", "other"] == bench.rows("ename")
    assert (3, 2, 1) == (bench.files.totals.accepted, bench.files.totals.rows,
                         bench.files.totals.duplicates)


def test_what_is_no_hit_becomes_a_dead_letter_and_stops_nothing(bench: Bench) -> None:
    bench.spool("w0", b"not a hit", record({"ename": "a"}, number=1))
    bench.seal()

    assert ["a"] == bench.rows("ename")
    assert ["not_a_hit"] == [letter.reason for _, _, letter in bench.dead.letters()]
    assert {"not_a_hit": 1} == bench.files.totals.quarantined


def test_batches_are_cut_at_rows_and_at_months(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rows=10, rows_behind=10, partitions=3)
    months = [{"ename": str(m), "created": f"20{m:02d}-01-15T00:00:00Z"} for m in range(1, 9)]
    bench.spool("w0", *[record({"ename": "x"}, number=n) for n in range(1, 26)],
                *[record(month, number=100 + at) for at, month in enumerate(months)])
    sealed = bench.seal()

    assert 33 == sum(manifest.rows for manifest in sealed)
    assert max(manifest.rows for manifest in sealed) <= 10
    for n in bench.files.kept():
        created = bench.files.load(n).table["created_at"].to_pylist()
        assert len({(moment.year, moment.month) for moment in created}) <= 3


def test_a_disk_that_takes_nothing_delays_the_same_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench.spool("w0", record({"ename": "a"}, number=1))
    real, left = BatchFiles.seal, [2]

    def failing(files: BatchFiles, manifest: Manifest, table: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        real(files, manifest, table)

    monkeypatch.setattr(BatchFiles, "seal", failing)
    monkeypatch.setattr("tracker.batches.sequencer._RETRY_SECONDS", 0.01)
    bench.seal()

    assert ["a"] == bench.rows("ename")
    assert [errno.ENOSPC, errno.ENOSPC] == bench.disk_errors


def test_a_hit_at_which_refining_raises_is_set_aside(
    bench: Bench, monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench.spool("w0", *[record({"ename": f"e{n}"}, number=n) for n in range(1, 6)])
    real = Refinery.refine

    def failing(refinery: Refinery, hits: Any) -> Any:
        if any(b"e3" in one.body for one in hits):
            raise ValueError("a defect")
        return real(refinery, hits)

    monkeypatch.setattr(Refinery, "refine", failing)
    bench.seal()

    assert ["e1", "e2", "e4", "e5"] == bench.rows("ename")
    assert {"refine_failed": 1} == bench.files.totals.quarantined


@pytest.mark.parametrize("scarce", [
    MemoryError(), OSError(errno.EMFILE, "Too many open files"),
    pa.ArrowException("Unknown error: Failed to launch worker thread")])
def test_no_hit_is_set_aside_for_what_the_machine_lacks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, scarce: Exception,
) -> None:
    """The process ends for it, and the next one makes the batch."""
    bench.spool("w0", *[record({"ename": f"e{n}"}, number=n) for n in range(1, 4)])
    real = Refinery.refine

    def failing(refinery: Refinery, hits: Any) -> Any:
        if any(b"e2" in one.body for one in hits):
            raise scarce
        return real(refinery, hits)

    with monkeypatch.context() as lack:
        lack.setattr(Refinery, "refine", failing)
        with pytest.raises(type(scarce)):
            bench.seal()
    bench.seal()

    assert ["e1", "e2", "e3"] == bench.rows("ename")
    assert {} == bench.files.totals.quarantined


def test_old_manifests_fold_into_totals_that_stay_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracker.batches.files.KEPT_MANIFESTS", 3)
    for n in range(1, 10):
        bench.spool("w0", record({"ename": "a"}, number=n, received=NOON + n))
        bench.seal()
    before = bench.files.totals
    bench.files.fold(landed=9)
    bench.restart()

    assert before == bench.files.totals
    assert 9 == (bench.files.newest.n if bench.files.newest else 0)
    assert len(list(bench.files.directory.glob("*.json"))) < 9


def test_a_flush_covers_what_a_clock_that_went_back_has_dated_ahead(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rows=10, rows_behind=10)
    ahead = time.time_ns() + 86_400 * 10**9
    bench.spool("w0", *[record({"ename": f"e{n}"}, number=n, received=ahead)
                        for n in range(1, 3001)])
    bench.seal()

    assert 3000 == bench.files.totals.rows


@pytest.mark.timeout(20)
def test_a_flush_waits_for_no_pause(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "_PAUSE_SECONDS", 60.0)
    monkeypatch.setattr(sequencer, "_IDLE_SECONDS", 60.0)
    stop = threading.Event()
    running = threading.Thread(target=bench.sequencer.run, args=(stop,))
    running.start()
    for number in range(1, 4):
        time.sleep(0.1)  # so that it pauses
        bench.spool(f"w{number}", record({"ename": "a"}, number=number))
        assert number == bench.sequencer.flush().result(timeout=10)
    stop.set()
    bench.sequencer.flush()
    running.join()


@pytest.mark.timeout(20)
def test_a_flush_does_not_wait_for_segments_that_are_sealed_and_gone(bench: Bench) -> None:
    bench.spool("w0", record({"ename": "a"}, number=1))
    used = max(generations(bench.folder / "spool" / "w0"))
    segment_path(bench.folder / "spool" / "w0", used + 1).write_bytes(bytes(1 << 16))
    bench.seal()
    assert [used + 1] == generations(bench.folder / "spool" / "w0")
    bench.restart()

    assert [] == bench.seal()
def test_what_a_full_batch_leaves_over_waits_for_what_is_read_next(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rows=2_500, rows_behind=2_500)
    bench.spool("w0", *(record({}, number=number) for number in range(5_000)))
    bench.seal()

    assert [2_500, 2_500] == [manifest.rows for manifest in bench.sealed]


def test_payments_are_weighed_by_what_their_line_items_come_to(bench: Bench) -> None:
    order = hit({"orid": "o" * 100, "payments": [{}] * 100})
    payment = encode_hit(msgspec.structs.replace(order, route=Route.LTV))
    bench.spool("w0", encode_hit(order), payment)
    reader = SpoolReader(bench.folder / "spool" / "w0")
    pending = Pending(BatchSettings(bytes=100 * ROW_BYTES))
    plain, weighed = reader.read(1_000, 1 << 20)
    reader.close()

    pending.add(reader, [plain])
    assert pending.has_room()
    pending.add(reader, [weighed])
    assert not pending.has_room()
    assert 1 == len(pending.take())


@pytest.mark.parametrize(("idle", "due"), [
    (True, [False, True, True]), (False, [False, False, True])])
def test_a_store_that_has_nothing_to_do_gets_a_batch_sooner(
        bench: Bench, monkeypatch: pytest.MonkeyPatch, *, idle: bool, due: list[bool]) -> None:
    times = iter((0.0, 0.25, 0.35, 0.55))
    monkeypatch.setattr("tracker.batches.pending.time",
                        SimpleNamespace(monotonic=lambda: next(times)))
    bench.spool("w0", *(record({}, number=number) for number in range(200)))
    reader = SpoolReader(bench.folder / "spool" / "w0")
    pending = Pending(BatchSettings(linger_seconds=1.0))
    pending.add(reader, reader.read(1_000, 1 << 20))
    reader.close()

    assert due == [pending.is_due(flushing=False, idle=idle) for _ in range(3)]
