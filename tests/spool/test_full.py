"""On a disk that is really full the spool refuses, loses nothing, and comes back by itself."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.spools import Answers, make_spool, read_all
from tracker.durable import usage
from tracker.errors import SpoolUnavailable
from tracker.spool.reader import SpoolReader
from tracker.spool.reserve import Reserve

DISK_BYTES = 4 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 and "CI" not in os.environ:
        pytest.skip("mounting a small disk needs root")
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", path],
                   check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def fill_up(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_costs_nothing_acknowledged(small_disk: Path) -> None:
    answers = Answers()
    spool = make_spool(small_disk / "w0", answers, segment_bytes=256 << 10)
    spool.open()
    taken = 0

    def append() -> bool:
        nonlocal taken
        try:
            spool.append(b"%07d" % taken * 100, taken)
        except SpoolUnavailable:
            return False
        taken += 1
        answers.wait(taken)
        return True

    for _ in range(10):
        assert append()
    fill_up(small_disk / "ballast")
    while append():
        pass
    assert "No space left" in str(spool.refusal)
    assert taken > 100
    (small_disk / "ballast").unlink()
    while not append():
        os.sched_yield()
    reader = SpoolReader(small_disk / "w0")
    found = read_all(reader)
    spool.close()
    reader.close()

    assert [b"%07d" % int(str(number)) * 100 for number in answers.acknowledged] == [
        record.data for record in found]
    assert len(answers.refused) == taken - len(found)
    assert len(answers.acknowledged) >= taken - 2


def test_reading_and_releasing_work_on_a_full_disk(small_disk: Path) -> None:
    answers = Answers()
    spool = make_spool(small_disk / "w0", answers, segment_bytes=64 << 10)
    spool.open()
    for number in range(200):
        spool.append(bytes(1000), number)
    answers.wait(200)
    fill_up(small_disk / "ballast")
    before = usage(small_disk / "w0")

    reader = SpoolReader(small_disk / "w0")
    found = read_all(reader)
    reader.release(*found[-1][:2])

    assert 200 == len(found)
    assert usage(small_disk / "w0") < before
    spool.close()
    reader.close()


def test_a_reserve_gives_its_space_back(small_disk: Path) -> None:
    reserve = Reserve(small_disk / "reserve", 1 << 20)
    assert reserve.hold()
    assert 1 << 20 == usage(small_disk)
    fill_up(small_disk / "ballast")
    (small_disk / "batch").touch()
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "batch").write_bytes(bytes(500_000))

    reserve.free()
    (small_disk / "batch").write_bytes(bytes(500_000))

    assert not reserve.held
    assert not reserve.hold()
    assert not (small_disk / "reserve").exists()
    (small_disk / "ballast").unlink()
    assert reserve.hold()
    assert 0o600 == (small_disk / "reserve").stat().st_mode & 0o777


def test_a_reserve_held_by_the_process_before_is_held_again(tmp_path: Path) -> None:
    assert Reserve(tmp_path / "reserve", 100_000).hold()
    again = Reserve(tmp_path / "reserve", 100_000)

    assert not again.held
    assert again.hold()
    assert 100_000 <= usage(tmp_path) < 200_000
    again.free()
    again.free()
    assert 0 == usage(tmp_path)


@pytest.mark.parametrize("size", [0, -5])
def test_no_reserve_is_no_file(tmp_path: Path, size: int) -> None:
    assert not Reserve(tmp_path / "reserve", size).hold()
    assert [] == list(tmp_path.iterdir())
