"""Accepted means on disk: what a spool answers, in which order, and what it refuses."""

import os
import stat
import time
from pathlib import Path

import pytest

from harness.spools import Answers, fill, make_spool, read_all, read_fresh
from tracker.durable import Files
from tracker.errors import SpoolUnavailable
from tracker.spool.layout import generations, segment_path
from tracker.spool.reader import SpoolReader
from tracker.spool.segment import FIRST_GROUP
from tracker.spool.writer import RECORD_BYTES


class HeldFiles(Files):
    """Writes of groups wait until they are let go; says what was written with O_DSYNC."""

    def __init__(self) -> None:
        self.synced: set[int] = set()
        self.log: list[str] = []

    def open(self, path: Path, flags: int) -> int:
        descriptor = super().open(path, flags)
        if flags & os.O_DSYNC == os.O_DSYNC:
            self.synced.add(descriptor)
        return descriptor

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        written = super().pwrite(descriptor, data, offset)
        if offset >= FIRST_GROUP and bytes(data).strip(b"\0"):
            assert descriptor in self.synced
            self.log.append("synced")
        return written


def test_waiters_are_answered_in_order(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers)
    spool.open()
    for number in range(2000):
        spool.append(b"%d" % number, number)
    answers.wait(2000)
    spool.close()

    assert list(range(2000)) == answers.acknowledged
    assert [b"%d" % n for n in range(2000)] == [r.data for r in read_fresh(tmp_path / "w0")]


def test_a_group_is_answered_after_its_sync(tmp_path: Path) -> None:
    files = HeldFiles()
    spool = make_spool(tmp_path / "w0", Answers(), files=files)
    spool._deliver = lambda waiters, error: files.log.append("answered")  # the order, no more
    spool.open()
    for _ in range(3):
        before = len(files.log)
        spool.append(b"x", None)
        while len(files.log) < before + 2:
            os.sched_yield()
    spool.close()

    assert ["synced", "answered"] * 3 == files.log


def test_closing_commits_what_waits(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers)
    spool.open()
    for number in range(500):
        spool.append(b"%d" % number, number)
    spool.close()

    assert list(range(500)) == answers.acknowledged
    with pytest.raises(SpoolUnavailable, match="closed"):
        spool.append(b"late", None)


def test_every_opening_is_a_new_generation_and_old_segments_stay_as_they_are(
        tmp_path: Path) -> None:
    seen: dict[int, bytes] = {}
    for round_ in range(4):
        fill(tmp_path / "w0", [b"%d-%d" % (round_, n) * 40 for n in range(30)])
        found = generations(tmp_path / "w0")
        assert all(seen[g] == segment_path(tmp_path / "w0", g).read_bytes() for g in seen)
        assert min(set(found) - set(seen)) > max(seen, default=0)
        seen = {g: segment_path(tmp_path / "w0", g).read_bytes() for g in found}

    records = read_fresh(tmp_path / "w0")
    assert [b"%d-%d" % (r, n) * 40 for r in range(4) for n in range(30)] == [
        record.data for record in records]
    assert len({record[:2] for record in records}) == 120


def test_generations_grow_when_all_was_released(tmp_path: Path) -> None:
    fill(tmp_path / "w0", [b"one"])
    reader = SpoolReader(tmp_path / "w0")
    first = read_all(reader)[-1]
    reader.release(first.generation, first.sequence)
    fill(tmp_path / "w0", [b"two"])

    second = read_all(reader)
    reader.close()

    assert [b"two"] == [record.data for record in second]
    assert second[0].generation > first.generation


def test_the_id_of_a_spool_stays(tmp_path: Path) -> None:
    fill(tmp_path / "w0", [b"one"])
    first = SpoolReader(tmp_path / "w0").spool_id
    fill(tmp_path / "w0", [b"two"])
    assert first == SpoolReader(tmp_path / "w0").spool_id
    (tmp_path / "w0" / "id").unlink()
    fill(tmp_path / "w0", [b"three"])

    assert first == SpoolReader(tmp_path / "w0").spool_id
    assert first == (tmp_path / "w0" / "id").read_text()


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    fill(tmp_path / "deep" / "w0", [b"x"])

    assert 0o700 == stat.S_IMODE((tmp_path / "deep" / "w0").stat().st_mode)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode)
             for path in (tmp_path / "deep" / "w0").iterdir()}
    assert {0o600} == set(modes.values())
    assert {"id", "lock", "mark", "0000000000000001.segment"} == set(modes)


def test_a_second_opener_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.spool.writer.LOCK_SECONDS", 0.05)
    first = make_spool(tmp_path / "w0", Answers())
    first.open()
    second = make_spool(tmp_path / "w0", Answers())

    with pytest.raises(SpoolUnavailable, match="another process"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpoolUnavailable, match="file"):
        make_spool(tmp_path / "file" / "w0", Answers()).open()


def test_a_record_larger_than_a_segment_gets_a_larger_segment(tmp_path: Path) -> None:
    records = [b"small", os.urandom(100_000), b"after", os.urandom(9_000)]
    fill(tmp_path / "w0", records)

    assert records == [record.data for record in read_fresh(tmp_path / "w0")]


def test_a_record_no_segment_can_hold_is_refused(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "w0", Answers())
    spool.open()
    with pytest.raises(ValueError, match="larger than the spool takes"):
        spool.append(bytes(RECORD_BYTES + 1), None)
    spool.close()
    assert 0 == spool.pending_bytes


def test_a_blocked_spool_refuses_until_the_reason_is_gone(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers)
    spool.open()
    spool.block("the disk budget is spent")
    assert "the disk budget is spent" == spool.refusal
    with pytest.raises(SpoolUnavailable, match="budget"):
        spool.append(b"x", 1)
    spool.block(None)
    spool.append(b"y", 2)
    spool.close()

    assert [2] == answers.acknowledged


def test_bytes_that_wait_are_bounded(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers, pending_bytes=1000, segment_bytes=1 << 20)
    spool.open()
    taken = 0
    refused = 0
    for number in range(5000):
        try:
            spool.append(bytes(900), number)
            taken += 1
        except SpoolUnavailable:
            refused += 1
        assert spool.pending_bytes <= 1900
    spool.close()

    assert refused > 0
    assert taken == len(answers.acknowledged)
    assert 0 == spool.pending_bytes


def test_an_answer_that_raises_does_not_stop_the_next(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers)

    def deliver(waiters: list[object], error: SpoolUnavailable | None) -> None:
        answers.deliver(waiters, error)
        raise RuntimeError("the client is gone")

    spool._deliver = deliver
    spool.open()
    for number in range(1, 4):
        spool.append(b"x", number)
        answers.wait(number)
    spool.close()

    assert [1, 2, 3] == answers.acknowledged


def test_a_spool_counts_what_it_does(tmp_path: Path) -> None:
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers)
    spool.open()
    spool.append(b"x" * 10, 1, events=5)
    answers.wait(1)
    spool.append(b"x" * 10, 2)
    answers.wait(2)
    spool.close()

    stats = spool.stats
    assert (2, 6, 2, 0) == (stats.records, stats.events, stats.groups, stats.errors)
    assert 2 * 48 == stats.bytes
    assert 2 == sum(stats.sync_buckets)
    assert stats.sync_seconds > 0


def test_a_segment_with_records_is_left_after_a_while_and_can_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracker.spool.writer.TURN_SECONDS", 0.1)
    answers = Answers()
    spool = make_spool(tmp_path, answers)
    spool.open()
    reader = SpoolReader(tmp_path)
    spool.append(b"personal", 1)
    answers.wait(1)
    (record,) = read_all(reader)

    until = time.monotonic() + 10
    while any(b"personal" in path.read_bytes() for path in tmp_path.glob("*.segment")):
        assert time.monotonic() < until
        reader.read(10, 1000)
        reader.release(record.generation, record.sequence)
        time.sleep(0.02)
    spool.append(b"next", 2)
    answers.wait(2)

    assert [b"next"] == [one.data for one in read_all(reader)]
    spool.close()
    reader.close()
