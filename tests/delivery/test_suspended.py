"""A store that was given up for a while stays so until it takes something again."""

from pathlib import Path

import pytest

from harness.batches import make_batch
from harness.pipeline import Landed, ModelStore, Until
from tracker.batch import Batch
from tracker.batches.deadletters import DeadLetters
from tracker.batches.files import BatchFiles
from tracker.delivery import courier
from tracker.delivery.cursor import Cursor, Gap, Position
from tracker.delivery.retention import Retention
from tracker.errors import StoreUnavailable
from tracker.settings import SpoolSettings


class Full(ModelStore):
    """Has no room until `away` is false."""

    def __init__(self, landed: Landed) -> None:
        super().__init__(landed, lambda: True)
        self.away = True
        self.tried = 0

    def open(self) -> None:
        self._try()

    def land(self, batch: Batch) -> None:
        self._try()
        super().land(batch)

    def _try(self) -> None:
        self.tried += 1
        if self.away:
            raise StoreUnavailable("no space left on device")


class Suspended:
    """Batch 1 landed; 2 and 3 went while the store was away."""

    def __init__(self, folder: Path) -> None:
        self.files = BatchFiles(folder / "batches")
        self.files.open()
        self.landed = Landed()
        self.told: list[bool] = []
        self.store = Full(self.landed)
        dead = DeadLetters(folder / "dead")
        dead.open(0)
        self.courier = courier.Courier(
            self.store, self.files, Cursor(folder / "cursors" / "s.json", "q1", 1), dead,
            lambda: self.told.append(self.courier.state.reachable))
        self._made = folder / "made"
        self._made.mkdir()
        self.seal(1)
        self.store.away = False
        self.courier.run(Until(lambda: bool(self.landed.rows)))
        self.store.away = True
        self.seal(2)
        self.seal(3)
        self.carry(2)
        Retention(self.files, (self.courier,), frozenset(), SpoolSettings(bytes=1),
                  folder / "spool").tidy(1 << 62)
        assert [] == list(self.files.kept())
        assert Position("q1", 1, [], suspended=True, rows=1) == self.position

    def seal(self, n: int) -> None:
        batch = make_batch(self._made, n, [{"ename": f"e{n}"}])
        self.files.seal(batch.manifest, batch.table)

    def carry(self, tries: int) -> None:
        """Let the courier turn to its store so often."""
        until = self.store.tried + tries
        self.courier._carry(Until(lambda: self.store.tried >= until))

    @property
    def position(self) -> Position:
        return self.courier.cursor.position


@pytest.fixture
def given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suspended:
    monkeypatch.setattr(courier, "_LOOK_SECONDS", 0.01)
    return Suspended(tmp_path)


def test_it_stays_so_while_it_takes_nothing(given_up: Suspended) -> None:
    given_up.carry(5)
    assert Position("q1", 1, [], suspended=True, rows=1) == given_up.position

    given_up.seal(4)
    given_up.carry(5)
    assert Position("q1", 1, [], suspended=True, rows=1) == given_up.position
    assert not given_up.courier.state.reachable


def test_it_misses_only_what_went_once_it_takes_a_batch(given_up: Suspended) -> None:
    given_up.seal(4)
    given_up.store.away = False
    given_up.carry(1)

    assert Position("q1", 4, [Gap(2, 3)], rows=2) == given_up.position
    assert {"e1": 1, "e4": 1} == given_up.landed.rows


def test_it_counts_again_without_a_batch_once_it_opens(given_up: Suspended) -> None:
    given_up.store.away = False
    given_up.carry(1)
    assert Position("q1", 3, [Gap(2, 3)], rows=1) == given_up.position

    given_up.seal(4)
    given_up.carry(1)
    assert Position("q1", 4, [Gap(2, 3)], rows=2) == given_up.position


def test_that_it_is_away_or_back_is_told_once(given_up: Suspended) -> None:
    assert [True, False] == given_up.told
    given_up.carry(5)
    assert [True, False] == given_up.told

    given_up.store.away = False
    given_up.carry(1)

    assert [True, False, True] == given_up.told
