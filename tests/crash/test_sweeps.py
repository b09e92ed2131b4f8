"""Each call to the disk in its turn fails, or is the last one before a crash: nothing is lost."""

import errno
import itertools
import os
import random
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from harness.disk import FailingFiles
from harness.pipeline import Landed, Pipeline
from harness.powercut import Disk
from tracker.errors import TrackerError

pytestmark = pytest.mark.usefixtures("small_bounds")
T = TypeVar("T")
STRIDE = int(os.environ.get("MODEL_STRIDE", "4"))
EIDS = {f"k{n}": str(uuid.UUID(int=n << 64 | n)) if n % 2 else None for n in range(1, 10)}


class Worst(random.Random):
    """Dice by which a power cut takes all that was not synced."""

    def choice(self, seq: Sequence[T]) -> T:  # type: ignore[override]  # as it is called here
        return seq[0]

    def randrange(self, *_: int) -> int:  # type: ignore[override]  # as above
        return 0

    def random(self) -> float:
        return 0.99


def hits(*numbers: int) -> list[tuple[str, str | None]]:
    return [(f"k{n}", EIDS[f"k{n}"]) for n in numbers]


class Lives:
    """One data directory through several lives."""

    def __init__(self, folder: Path, landed: Landed | None = None) -> None:
        self.folder = folder
        folder.mkdir()
        self.landed = landed or Landed()
        self.acknowledged: set[str] = set()
        self.disk = Disk(folder / "0")
        self.count = 0
        self.pipeline = self._live()

    def _live(self) -> Pipeline:
        disk = self.disk
        pipeline = Pipeline(disk.root, disk, self.landed, counts=lambda: not disk.off)
        disk.quiet()
        return pipeline

    def send(self, worker: str, *numbers: int) -> None:
        self.acknowledged |= set(self.pipeline.send(worker, hits(*numbers), 100 * self.count))
        self.disk.quiet()

    def carry(self) -> None:
        """Seal, land, and delete what is not needed any more."""
        self.pipeline.seal()
        self.pipeline.land()
        self.pipeline.tidy()

    def end(self, *, power: bool, dice: random.Random) -> None:
        self.pipeline.end()
        self.count += 1
        self.disk = self.disk.again(self.folder / str(self.count), power=power, dice=dice)
        self.pipeline = self._live()

    def check(self) -> None:
        """What was acknowledged has landed once, and the store has not missed anything."""
        self.carry()
        rows = self.landed.rows
        assert set() == self.acknowledged - rows.keys()
        assert [] == [key for key, count in rows.items() if count > 1]
        assert [] == self.pipeline.courier.cursor.position.gaps
        assert rows.total() == self.pipeline.courier.cursor.position.rows
        assert rows.total() == self.pipeline.files.totals.rows
        assert [] == list(self.pipeline.dead.letters())
        assert 0 == self.pipeline.lost - self.pipeline.torn
        self.pipeline.end()


@pytest.mark.parametrize("first", ["kill", "power"])
@pytest.mark.parametrize("worst", [True, False], ids=["all unsynced is lost", "some is lost"])
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_a_crash_at_any_call_and_then_a_power_cut_lose_nothing(
        tmp_path: Path, first: str, worst: bool, busy: bool) -> None:
    for calls in itertools.count(1, STRIDE):
        dice = Worst() if worst else random.Random(calls)
        lives = Lives(tmp_path / str(calls))
        lives.send("w0", 1, 2)
        lives.carry()
        lives.disk.strike(calls, power=first == "power", dice=random.Random(calls))
        lives.send("w0", 3, 4)
        lives.send("w1", 5)
        lives.carry()
        came = lives.disk.off
        lives.end(power=False, dice=dice)
        if busy:
            lives.send("w1", 1, 3, 5)  # clients that got no answer, or believe so
        lives.carry()
        lives.carry()
        lives.end(power=True, dice=dice)
        lives.send("w0", 1, 3, 5)
        lives.check()
        if not came:
            assert calls > 30
            break


@pytest.mark.parametrize("worst", [True, False], ids=["all unsynced is lost", "some is lost"])
def test_a_crash_during_a_start_loses_nothing(tmp_path: Path, worst: bool) -> None:
    for calls in itertools.count(1, STRIDE):
        dice = Worst() if worst else random.Random(calls)
        lives = Lives(tmp_path / str(calls))
        lives.send("w0", 1, 2, 3)
        lives.carry()
        lives.send("w0", 4)
        lives.pipeline.seal()
        lives.send("w1", 5)
        lives.pipeline.end()
        lives.count += 1
        lives.disk = lives.disk.again(lives.folder / "1", power=False, dice=dice)
        lives.disk.strike(calls, power=bool(calls % 2), dice=random.Random(calls))
        lives.pipeline = lives._live()
        came = lives.disk.off
        lives.end(power=False, dice=dice)
        lives.carry()
        lives.end(power=True, dice=dice)
        lives.send("w0", 1, 3, 5)
        lives.check()
        if not came:
            break


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EINTR, "short"])
def test_any_call_may_fail_once_on_the_whole_way(tmp_path: Path, fault: int | str) -> None:
    for first in itertools.count(1, STRIDE):
        landed, acknowledged, root = Landed(), set(), tmp_path / str(first)
        root.mkdir()
        disk = FailingFiles(fault, first)
        pipeline = start(root, disk, landed)
        acknowledged |= set(pipeline.send("w0", hits(1, 2), 1))
        pipeline.seal()
        pipeline.land()
        acknowledged |= set(pipeline.send("w1", hits(1, 3, 4), 10))
        pipeline.seal()
        pipeline.land()
        try:
            pipeline.tidy()
        except OSError:  # said by the sequencer; a second later it comes again
            pipeline.tidy()
        pipeline.end()
        pipeline = start(root, disk, landed)
        pipeline.send("w0", hits(1, 3), 20)
        pipeline.seal()
        pipeline.land()
        assert set() == acknowledged - landed.rows.keys()
        assert [] == [key for key, count in landed.rows.items() if count > 1]
        assert [] == pipeline.courier.cursor.position.gaps
        assert landed.rows.total() == pipeline.files.totals.rows
        assert 0 == pipeline.lost
        pipeline.end()
        if not disk.failed:
            assert first > 50
            break


def start(root: Path, disk: FailingFiles, landed: Landed) -> Pipeline:
    """A start that fails is tried again, as the supervisor does."""
    try:
        return Pipeline(root, disk, landed)
    except (OSError, TrackerError):
        return Pipeline(root, disk, landed)
