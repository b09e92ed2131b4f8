"""Files become records of the spool, of which each line is sealed once, whatever comes again."""

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tracker.batches.deadletters import DeadLetters
from tracker.batches.files import BatchFiles
from tracker.batches.gate import EidGate
from tracker.batches.sequencer import Sequencer
from tracker.batches.settled import settled_lines
from tracker.errors import TrackerError
from tracker.imported import Lines
from tracker.importing import importer as module
from tracker.importing.command import Options, reader_of
from tracker.importing.importer import Importer, Report
from tracker.importing.sink import Sink
from tracker.refine.refinery import Refinery
from tracker.settings import (
    BatchSettings,
    DoorSettings,
    IntakeSettings,
    QuerySettings,
    RefineSettings,
    Settings,
    SpoolSettings,
)

NOW = 1_700_000_000_000_000_000
SMALL = SpoolSettings(segment_bytes=1 << 20)


class Place:
    """A data directory, imports into it, and a sequencer that seals what they left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(
            None, folder, (), 1, 1.0, False, DoorSettings(), IntakeSettings(body_bytes=1000),
            SMALL, RefineSettings(private_key=b"k"), BatchSettings(linger_seconds=0.0, rows=7,
                                                                   rows_behind=7),
            (), QuerySettings())
        self._clock = itertools.count(NOW)

    def read(self, *names: object, spool: bool = True, **options: Any) -> list[Report]:
        given = Options(tuple(map(str, names)), **options)
        sink = Sink(self.folder, SMALL, lambda: next(self._clock)) if spool else None
        try:
            importer = Importer(
                reader_of(given, self.settings, lambda: NOW), sink, self.folder / "imports",
                settled_lines(self.folder / "batches"), 1000, given.from_line)
            return [importer.run(name) for name in given.files]
        finally:
            if sink is not None:
                sink.close()

    def seal(self) -> BatchFiles:
        """Seal all there is, in a process that has just started."""
        files = BatchFiles(self.folder / "batches")
        files.open()
        newest = files.newest.n if files.newest else 0
        gate = EidGate(self.folder / "batches", (1, 2), 3.0, 1000)
        gate.open(newest)
        dead = DeadLetters(self.folder / "dead")
        dead.open(newest)
        sequencer = Sequencer(
            "seq", self.folder / "spool", files, gate, dead,
            Refinery(self.settings.refine), self.settings.batches, dict,
            on_sealed=lambda _: None, on_disk_error=lambda _: None)
        done = sequencer.flush()
        while not done.done():
            sequencer.step()
        for reader in sequencer.readers:
            reader.close()
        return files

    def rows(self, column: str = "ename") -> list[Any]:
        files = self.seal()
        return [value for n in files.kept()
                for value in files.load(n).table[column].to_pylist()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(module, "RECORD_LINES", 3)
    return Place(tmp_path)


def lines(first: int, last: int) -> str:
    return "".join(f'{{"ename":"e{number}"}}\n' for number in range(first, last + 1))


def names(first: int, last: int) -> list[str]:
    return [f"e{number}" for number in range(first, last + 1)]


def test_a_file_read_twice_before_it_is_sealed_counts_once(place: Place) -> None:
    log = place.folder / "a.jsonl"
    log.write_text(lines(1, 20))
    place.read(log)
    log.write_text(lines(1, 31))
    place.read(log, log)

    assert names(1, 31) == place.rows()
    totals = place.seal().totals
    assert (31, 51) == (totals.rows, totals.duplicates)


def test_a_grown_or_packed_file_goes_on_where_it_was(place: Place) -> None:
    log, packed = place.folder / "a.jsonl", place.folder / "b.gz"
    log.write_text(lines(1, 20))
    place.read(log)
    place.seal()
    packed.write_bytes(gzip.compress(lines(1, 25).encode()))
    [report] = place.read(packed)

    assert (20, 5, 25) == (report.known, report.events, report.lines)
    assert names(1, 25) == place.rows()
    log.write_text(lines(1, 4))
    [report] = place.read(log)
    assert (4, 0) == (report.known, report.events)
    assert names(1, 25) == place.rows()


def test_repeated_lines_in_one_file_all_count(place: Place) -> None:
    log = place.folder / "a.jsonl"
    log.write_text(lines(1, 1) * 10)
    place.read(log)

    assert ["e1"] * 10 == place.rows()


def test_files_that_begin_alike_are_two(place: Place) -> None:
    one, other = place.folder / "a", place.folder / "b"
    one.write_text(lines(1, 3) + lines(10, 20))
    other.write_text(lines(1, 3) + lines(30, 40))
    place.read(one, other)
    place.read(other, one)
    place.seal()
    place.read(one, other)

    assert sorted(names(1, 3) * 2 + names(10, 20) + names(30, 40)) == sorted(place.rows())


def test_lines_that_are_no_events_are_named_and_stop_nothing(place: Place) -> None:
    log = place.folder / "a"
    log.write_text("garbage\n\n" + lines(1, 4) + "x" * 2000 + "\n" + lines(5, 5) + "{\n")
    [report] = place.read(log)

    assert names(1, 5) == place.rows()
    assert [1, 7, 9] == [number for number, _ in report.named]
    assert (5, 1, 9) == (report.events, report.blank, report.lines)
    log.write_text(log.read_text() + lines(6, 6))
    place.read(log)
    assert names(1, 6) == place.rows()


def test_a_line_that_is_not_finished_waits(place: Place) -> None:
    log = place.folder / "a"
    log.write_text(lines(1, 2) + lines(3, 3)[:-4])
    [report] = place.read(log)
    assert report.unfinished
    assert names(1, 2) == place.rows()
    log.write_text(lines(1, 4)[:-1])
    [report] = place.read(log)
    assert (2, False) == (report.events, report.unfinished)
    log.write_text(lines(1, 5))
    place.read(log)
    assert names(1, 5) == place.rows()


def test_a_file_read_in_the_wrong_format_can_be_read_again(place: Place) -> None:
    log = place.folder / "a"
    log.write_text(lines(1, 5))
    [report] = place.read(log, format="combined")
    assert {"it is no line of an access log": 5} == report.skipped
    place.seal()
    place.read(log)

    assert names(1, 5) == place.rows()


def test_a_packed_file_that_is_cut_off_gives_what_is_there(place: Place) -> None:
    packed = place.folder / "a.gz"
    whole = gzip.compress(json.dumps({"a": list(range(10))}).encode() + b"\n" +
                          lines(1, 200).encode())
    packed.write_bytes(whole[:-9])
    [report] = place.read(packed)
    assert report.stopped is not None
    packed.write_bytes(whole)
    [report] = place.read(packed)

    assert report.stopped is None
    assert ["", *names(1, 200)] == place.rows()


def test_a_file_that_is_not_there_is_said(place: Place) -> None:
    [report] = place.read(place.folder / "none")

    assert f"{place.folder / 'none'}: No such file or directory" == report.stopped


def test_earlier_lines_are_left_out_for_good(place: Place) -> None:
    log = place.folder / "a"
    log.write_text(lines(1, 9))
    place.read(log, from_line=5)
    place.seal()
    place.read(log)

    assert names(5, 9) == place.rows()


def test_a_dry_run_leaves_nothing(place: Place) -> None:
    log = place.folder / "a"
    log.write_text(lines(1, 9))
    [report] = place.read(log, spool=False)

    assert 9 == report.events
    assert {"a"} == {path.name for path in place.folder.iterdir()}


def test_lines_behind_lost_ones_are_counted_and_come_again(
    place: Place, monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = place.folder / "a"
    log.write_text(lines(1, 9))
    sink = Sink(place.folder, SMALL, lambda: NOW)
    put = sink.put
    records: list[Lines] = []
    monkeypatch.setattr(sink, "put", records.append)
    Importer(reader_of(Options(()), place.settings, lambda: NOW), sink, place.folder / "imports",
             {}, 1000, 1).run(str(log))
    for record in (records[0], records[2]):
        put(record)
    sink.close()

    assert names(1, 3) == place.rows()
    assert {"import_gap": 3} == place.seal().totals.filtered
    place.read(log)
    assert names(1, 9) == place.rows()


def test_times_and_ids_of_a_log_are_its_own(place: Place) -> None:
    eid = "c0ffee00-cafe-11f0-8000-0123456789ab"
    log = place.folder / "a"
    log.write_text(f'{{"eid":"{eid}","created":"1999-01-01T00:00:00Z"}}\n' * 2)
    place.read(log)

    assert [eid, eid] == place.rows("eid")
    assert ["1999-01-01 00:00:00+00:00"] * 2 == list(map(str, place.rows("created_at")))


def test_each_line_without_a_visitor_has_one_of_its_own(place: Place) -> None:
    log = place.folder / "a"
    log.write_text(lines(1, 9))
    place.read(log)

    assert 9 == len(set(place.rows("vid"))) == len(set(place.rows("eid")))


def test_one_import_runs_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.spool.writer.LOCK_SECONDS", 0.1)
    sink = Sink(place.folder, SMALL, lambda: NOW)
    try:
        with pytest.raises(TrackerError, match="another import runs"):
            Sink(place.folder, SMALL, lambda: NOW)
    finally:
        sink.close()


def test_a_full_spool_that_nobody_empties_stops_the_import(place: Place) -> None:
    log = place.folder / "a"
    log.write_text(lines(1, 9))
    sink = Sink(place.folder, SpoolSettings(segment_bytes=1 << 20, bytes=1), lambda: NOW)
    try:
        with pytest.raises(TrackerError, match="start it, and import again"):
            Importer(reader_of(Options(()), place.settings, lambda: NOW), sink,
                     place.folder / "imports", {}, 1000, 1).run(str(log))
    finally:
        sink.close()
    place.read(log)
    assert names(1, 9) == place.rows()


def test_positions_outlive_the_folding_of_manifests(
    place: Place, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracker.batches.files.KEPT_MANIFESTS", 1)
    log, other = place.folder / "a", place.folder / "b"
    log.write_text(lines(1, 9))
    other.write_text(lines(50, 90))
    place.read(log, other)
    files = place.seal()
    assert files.newest is not None
    files.fold(files.newest.n)

    assert {9, 41} == set(settled_lines(place.folder / "batches").values())
    place.read(log, other)
    assert 50 == place.seal().totals.rows
