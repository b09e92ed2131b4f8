"""Whatever call fails: what was acknowledged can be read, what failed was said to have failed."""

import errno
import os
import random
from pathlib import Path

import pytest

from harness.disk import FailingFiles, LostSyncFiles
from harness.powercut import Disk
from harness.spools import Answers, fill, make_spool, read_all, read_fresh
from tracker.durable import Files
from tracker.errors import SpoolUnavailable
from tracker.spool.reader import SpoolReader
from tracker.spool.writer import Spool

SETUP_CALLS = 13
"""A spool's first opening writes its id and its mark; that they fail is said by `open`."""
FAULTS = [errno.ENOSPC, errno.EIO, errno.EINTR, "short"]


@pytest.fixture(autouse=True)
def _retry_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("writer", "maker"):
        monkeypatch.setattr(f"tracker.spool.{module}.RETRY_SECONDS", 0.002)


def drive(spool: Spool, answers: Answers, records: list[bytes]) -> list[bytes]:
    """Append all, a few at a time; returns those that `append` refused."""
    refused = []
    for number, record in enumerate(records, 1):
        try:
            spool.append(record, record)
        except SpoolUnavailable:
            refused.append(record)
        if number % 3 == 0:
            answers.wait(number - len(refused))
    return refused


def records_of(size: int) -> list[bytes]:
    return [b"%d:" % n + os.urandom(n * 37 % 900) for n in range(size)]


def check(directory: Path, answers: Answers, spool: Spool, records: list[bytes]) -> None:
    refused = drive(spool, answers, records)
    spool.close()
    assert sorted(records) == sorted([*refused, *answers.refused, *answers.acknowledged])  # type: ignore[type-var]  # bytes
    found = read_fresh(directory)
    assert answers.acknowledged == [record.data for record in found]
    assert len({record[:2] for record in found}) == len(found)


@pytest.mark.parametrize("fault", FAULTS)
def test_any_call_may_fail_once(tmp_path: Path, fault: int | str) -> None:
    records = records_of(40)
    for first in range(1, 200):
        directory = tmp_path / f"w{first}"
        files = FailingFiles(fault, first)
        answers = Answers()
        spool = make_spool(directory, answers, files=files)
        try:
            spool.open()
        except SpoolUnavailable:
            spool = make_spool(directory, answers, files=files)
            spool.open()
        check(directory, answers, spool, records)
        if not files.failed:
            break
    else:
        pytest.fail("the sweep did not come to its end")


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("length", [2, 5, 30])
def test_calls_may_fail_for_a_while(tmp_path: Path, fault: int, length: int) -> None:
    for first in range(SETUP_CALLS + 1, 100, 5):
        directory = tmp_path / f"w{first}"
        answers = Answers()
        spool = make_spool(directory, answers, files=FailingFiles(fault, first, first + length))
        spool.open()
        check(directory, answers, spool, records_of(40))


def test_a_group_whose_sync_failed_is_not_read_later(tmp_path: Path) -> None:
    for first in range(SETUP_CALLS + 1, 100, 2):
        directory = tmp_path / f"w{first}"
        answers = Answers()
        spool = make_spool(directory, answers, files=LostSyncFiles(errno.EIO, first))
        spool.open()
        check(directory, answers, spool, records_of(40))


def test_a_failed_group_is_refused_alone_and_its_segment_is_left(tmp_path: Path) -> None:
    class OneBadGroup(Files):
        bad: int | None = None
        seen: list[int] = []  # noqa: RUF012 - one instance

        def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
            if b"worn out" in bytes(data):
                self.bad = descriptor
                raise OSError(errno.EIO, "the disk is worn")
            if descriptor == self.bad:
                self.seen.append(offset)
            return super().pwrite(descriptor, data, offset)

        def close(self, descriptor: int) -> None:
            if descriptor == self.bad:
                self.bad = None
            super().close(descriptor)

    files = OneBadGroup()
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers, files=files)
    spool.open()
    for number, record in enumerate([b"before", b"worn out", b"after"], 1):
        spool.append(record, record)
        answers.wait(number)
    spool.close()

    assert [b"worn out"] == answers.refused
    assert "the disk is worn" in str(answers.errors[0])
    assert [] == files.seen
    found = read_fresh(tmp_path / "w0")
    assert [b"before", b"after"] == [record.data for record in found]
    assert found[0].generation < found[1].generation


def test_a_full_disk_refuses_at_once_and_recovers_by_itself(tmp_path: Path) -> None:
    class FullFiles(Files):
        full = False

        def allocate(self, descriptor: int, size: int) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().allocate(descriptor, size)

    files = FullFiles()
    answers = Answers()
    spool = make_spool(tmp_path / "w0", answers, files=files)
    spool.open()
    files.full = True
    refusals = taken = 0
    while refusals < 10:
        try:
            spool.append(bytes(500), taken)
            taken += 1
            answers.wait(taken)
        except SpoolUnavailable as error:
            assert "No space left" in str(error)  # noqa: PT017 - each of many
            refusals += 1
    files.full = False
    while True:
        try:
            spool.append(b"again", taken)
            break
        except SpoolUnavailable:
            os.sched_yield()
    answers.wait(taken + 1)
    spool.close()

    assert taken == answers.acknowledged[-1]
    assert len(answers.acknowledged) == len(read_fresh(tmp_path / "w0"))


@pytest.mark.parametrize("seed", range(120))
def test_a_power_cut_at_any_call_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    disk = Disk(tmp_path / "before")
    disk.strike(7 + seed, power=True, dice=dice)
    answers = Answers(counts=lambda: not disk.off)
    spool = make_spool(disk.root / "w0", answers, files=disk)
    spool.open()
    records = records_of(60)
    drive(spool, answers, records)
    spool.close()
    acknowledged = [waiter for waiter in answers.acknowledged if isinstance(waiter, bytes)]

    for again in range(3):
        after = disk.again(tmp_path / f"after{again}", power=True, dice=dice).root / "w0"
        if not (after / "id").exists():
            assert [] == acknowledged
            continue
        reader = SpoolReader(after)
        found = read_all(reader)
        data = [record.data for record in found]
        assert set(acknowledged) <= set(data)
        assert set(data) <= set(records)
        assert data == [record for record in records if record in set(data)]  # each once, in order
        assert len({record[:2] for record in found}) == len(found)
        assert 0 == reader.corrupt

        fill(after, [b"new one", b"new two"])
        new = read_all(reader)
        assert [b"new one", b"new two"] == [record.data for record in new]
        assert new[0].generation > max((record.generation for record in found), default=0)
        reader.close()
