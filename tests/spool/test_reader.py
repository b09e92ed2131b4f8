"""A reader sees what is synced, once and in order, while the writer lives and after."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.spools import (
    Answers,
    build_segment,
    fill,
    make_spool,
    place_segment,
    read_all,
    read_fresh,
)
from tracker.durable import Files
from tracker.errors import SpoolUnavailable
from tracker.spool.layout import generations
from tracker.spool.mark import Mark, MarkReader, MarkWriter
from tracker.spool.reader import Record, SpoolReader

WRITER = """
import os, sys
from pathlib import Path
from tracker.settings import SpoolSettings
from tracker.spool.writer import Spool

def deliver(waiters, error):
    assert error is None
    os.write(1, b"".join(b"%d\\n" % waiter for waiter in waiters))

spool = Spool(Path(sys.argv[1]), SpoolSettings(segment_bytes=1 << 18), deliver)
spool.open()
number = int(sys.argv[2])
while True:
    while spool.pending_bytes > 50_000:
        os.sched_yield()
    spool.append(b"%d" % number * 20, number)
    number += 1
"""


def test_a_directory_without_an_id_is_no_spool(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnavailable, match="holds no spool"):
        SpoolReader(tmp_path)


def test_reading_is_bounded_by_records_and_by_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "w0", [bytes(100)] * 20, segment_bytes=1 << 18)
    reader = SpoolReader(tmp_path / "w0")

    assert 7 == len(reader.read(7, 1 << 20))
    assert 3 == len(reader.read(100, 250))
    assert 1 == len(reader.read(100, 1))
    assert 9 == len(reader.read(100, 1 << 20))
    assert [] == reader.read(100, 1 << 20)
    reader.close()


def test_reading_goes_on_while_the_writer_runs(tmp_path: Path) -> None:
    count = 5000
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers)
    spool.open()
    reader = SpoolReader(tmp_path / "w0")
    found: list[Record] = []
    late: list[int] = []

    def follow() -> None:
        while len(found) < count:
            known = len(answers.acknowledged)
            records = reader.read(50, 1 << 20)
            found.extend(records)
            if not records and len(found) < known:
                late.append(known)
            if records and len(found) % 1000 < 50:
                reader.release(*found[-1][:2])

    thread = threading.Thread(target=follow)
    thread.start()
    for number in range(count):
        spool.append(b"%d" % number, number)
        if number % 20 == 0:
            answers.wait(number - 200)
    thread.join(60)
    assert not thread.is_alive()
    spool.close()
    reader.close()

    assert [b"%d" % n for n in range(count)] == [record.data for record in found]
    assert [] == late  # what is acknowledged can be read at once
    assert (0, 0) == (reader.corrupt, reader.torn)
    assert len({record[:2] for record in found}) == count


def test_only_what_is_published_is_read_while_the_worker_lives(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers)
    spool.open()
    publish = spool._mark.publish
    spool.append(b"one", 1)
    answers.wait(1)
    spool._mark.publish = lambda mark: None  # type: ignore[method-assign]  # a group not yet told
    spool.append(b"two", 2)
    answers.wait(2)
    reader = SpoolReader(tmp_path / "w0")

    assert [b"one"] == [record.data for record in read_all(reader)]
    spool._mark.publish = publish  # type: ignore[method-assign]  # as it was
    spool.append(b"three", 3)
    answers.wait(3)
    assert [b"two", b"three"] == [record.data for record in read_all(reader)]
    spool.close()
    reader.close()


def test_a_dead_workers_segments_are_synced_once_before_they_are_read(tmp_path: Path) -> None:
    class CountingFiles(Files):
        syncs = 0

        def fsync(self, descriptor: int) -> None:
            self.syncs += 1
            super().fsync(descriptor)

    fill(tmp_path / "w0", [b"one", b"two"])
    files = CountingFiles()
    reader = SpoolReader(tmp_path / "w0", files=files)

    assert 2 == len(read_all(reader, at_once=1))
    assert [] == reader.read(10, 100)
    assert 1 == files.syncs
    reader.close()


@pytest.mark.parametrize("stop", range(0, 61, 7))
def test_reading_goes_on_behind_the_position_sought(tmp_path: Path, stop: int) -> None:
    records = [b"%d" % n * 100 for n in range(30)]
    fill(tmp_path / "w0", records)
    fill(tmp_path / "w0", records)
    everything = read_fresh(tmp_path / "w0")
    reader = SpoolReader(tmp_path / "w0")
    reader.seek(*(everything[stop - 1][:2] if stop else (0, 0)))

    found = read_all(reader)

    assert everything[stop:] == found
    reader.close()


def test_sealed_segments_are_deleted_but_the_newest_stays(tmp_path: Path) -> None:
    for _ in range(3):
        fill(tmp_path / "w0", [b"x" * 300] * 40)
    reader = SpoolReader(tmp_path / "w0")
    found = reader.read(50, 1 << 20) + reader.read(50, 1 << 20)
    all_generations = generations(tmp_path / "w0")

    half = found[len(found) // 2]
    reader.release(half.generation, half.sequence)
    left = generations(tmp_path / "w0")
    assert half.generation in left or half.sequence == 0
    assert all(generation >= half.generation for generation in left)
    found += read_all(reader)
    reader.release(found[-1].generation, found[-1].sequence)

    assert all_generations[-1:] == generations(tmp_path / "w0")
    assert 120 == len(found)
    reader.close()


def test_nothing_unsealed_is_deleted(tmp_path: Path) -> None:
    fill(tmp_path / "w0", [b"x" * 300] * 40)
    fill(tmp_path / "w0", [b"y"])
    reader = SpoolReader(tmp_path / "w0")
    found = read_all(reader)
    first = [record for record in found if record.generation == found[0].generation]
    before = generations(tmp_path / "w0")

    reader.release(first[-1].generation, first[-1].sequence - 1)
    assert before == generations(tmp_path / "w0")
    reader.release(first[-1].generation, first[-1].sequence)
    assert before[1:] == generations(tmp_path / "w0")
    reader.close()


def test_the_backlog_is_what_is_not_read_yet(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers, segment_bytes=1 << 20)
    spool.open()
    reader = SpoolReader(tmp_path / "w0")
    assert 0 == reader.backlog()
    for number in range(100):
        spool.append(bytes(1000), number)
    answers.wait(100)

    assert 100 * 1000 <= reader.backlog() <= 100 * 1600
    read_all(reader)
    assert 0 == reader.backlog()
    spool.close()
    reader.close()


def test_a_spool_without_a_lock_or_mark_is_read(tmp_path: Path) -> None:
    place_segment(tmp_path / "w0", build_segment([[b"one"]]))

    assert [Record(1, 1, b"one")] == read_fresh(tmp_path / "w0")


def test_a_mark_is_never_read_torn(tmp_path: Path) -> None:
    writer = MarkWriter(tmp_path, Files())
    reader = MarkReader(tmp_path)
    stop = threading.Event()

    def publish() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            writer.publish(Mark(number, number * 3, number * 5, number * 7, number * 11))

    thread = threading.Thread(target=publish)
    thread.start()
    last = 0
    for _ in range(20_000):
        mark = reader.read()
        n = mark.generation
        assert (n * 3, n * 5, n * 7, n * 11) == (mark.end, mark.records, mark.events, mark.bytes)
        assert n >= last
        last = n
    stop.set()
    thread.join()
    writer.close()
    reader.close()
    assert last > 0


def test_a_torn_slot_leaves_the_mark_before(tmp_path: Path) -> None:
    writer = MarkWriter(tmp_path, Files())
    writer.publish(Mark(1, 100))
    writer.publish(Mark(1, 200))
    writer.close()
    content = bytearray((tmp_path / "mark").read_bytes())
    content[10] ^= 1  # in the slot of the even turns, the newest
    (tmp_path / "mark").write_bytes(content)

    assert Mark(1, 100) == MarkReader(tmp_path).read()


def test_totals_go_on_when_a_spool_is_opened_again(tmp_path: Path) -> None:
    fill(tmp_path / "w0", [b"one", b"two"])
    fill(tmp_path / "w0", [b"three"])

    mark = MarkReader(tmp_path / "w0").read()
    assert (3, 3) == (mark.records, mark.events)


@pytest.mark.parametrize("kill_after", [1, 300, 3000])
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, kill_after: int) -> None:
    acknowledged: list[int] = []
    for round_ in range(2):
        first = round_ * 1_000_000
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "w0"), str(first)],
            stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as lines:
            for count, line in enumerate(lines, 1):
                acknowledged.append(int(line))
                if count == kill_after:
                    os.kill(process.pid, signal.SIGKILL)
        process.wait()

    found = read_fresh(tmp_path / "w0")

    data = [record.data for record in found]
    expected = [b"%d" % number * 20 for number in acknowledged]
    assert set(expected) <= set(data)
    assert len(set(data)) == len(data) == len({record[:2] for record in found})
    assert data == sorted(data, key=lambda text: int(text[:len(text) // 20]))
