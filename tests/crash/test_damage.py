"""A process ends for damage in a store that a new one mends, though it has landed nothing yet."""

from pathlib import Path

import pytest

from crash.test_flips import Life
from harness.pipeline import Until
from tracker.batch import Batch
from tracker.errors import StoreDamaged

pytestmark = pytest.mark.usefixtures("small_bounds")


def test_damage_by_the_first_batch_of_a_process_ends_it_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = Life(tmp_path / "life")
    life.send(1)
    courier, _ = life.second()
    tries = 0

    def land(batch: Batch) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            monkeypatch.setattr("tracker.delivery.courier._USED_SECONDS", 0.0)
        raise StoreDamaged(f"batch {batch.n} left a part without its bytes")

    monkeypatch.setattr(courier.store, "land", land)
    with pytest.raises(StoreDamaged):
        courier.run(Until(lambda: tries > 5))
    assert 3 == tries
