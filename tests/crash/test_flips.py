"""Bits that flip in files at rest are found and named; what they did not touch goes on."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from harness.pipeline import Landed, ModelStore, Pipeline, Until
from tracker.batch import Manifest
from tracker.batches.identity import identity
from tracker.delivery.courier import Courier
from tracker.delivery.cursor import Cursor, Gap
from tracker.durable import Files
from tracker.errors import TrackerError
from tracker.spool.layout import read_id

pytestmark = pytest.mark.usefixtures("small_bounds")
EIDS = {f"k{n}": f"00000000-0000-4000-8000-{n:012d}" for n in range(1, 20)}


class Life:
    """One data directory on a sound disk, whose files are damaged between two starts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.landed = Landed()
        self.acknowledged: list[str] = []
        self.start()

    def start(self) -> None:
        self.pipeline = Pipeline(self.root, Files(), self.landed)

    def restart(self) -> None:
        self.pipeline.end()
        self.start()

    def send(self, *numbers: int) -> None:
        """Each a batch of its own."""
        for n in numbers:
            self.acknowledged += self.pipeline.send("w0", [(f"k{n}", EIDS[f"k{n}"])], n)
            self.pipeline.seal()

    def carry(self) -> None:
        self.pipeline.seal()
        self.pipeline.land()

    def second(self) -> tuple[Courier, Landed]:
        """A store beside the first, which has landed nothing yet."""
        landed, files = Landed(), self.pipeline.files
        cursor = Cursor(self.root / "cursors" / "second.json",
                        identity(self.root / "batches").sequencer, 1)
        courier = Courier(ModelStore(landed, lambda: True), files, cursor, self.pipeline.dead)
        courier.store.name = "second"
        return courier, landed


def until(courier: Courier, n: int) -> Until:
    return Until(lambda: courier.cursor.landed >= n)


def flip(path: Path, place: int, bit: int = 2) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def places(path: Path) -> range:
    """Bytes all over a file, a few dozen of them."""
    size = path.stat().st_size
    return range(size % 7, size, size // 40 + 1)


def test_a_damaged_batch_lands_nowhere_and_stops_no_other(tmp_path: Path) -> None:
    life = Life(tmp_path / "data")
    life.send(1, 2, 3)
    for place in places(life.pipeline.files.arrow_path(2)):
        life.pipeline.files.damaged.clear()
        flip(life.pipeline.files.arrow_path(2), place)
        courier, landed = life.second()
        courier.run(until(courier, 3))

        assert ["k1", "k3"] == sorted(landed.rows)
        assert [Gap(2, 2)] == courier.cursor.position.gaps
        assert 2 == courier.cursor.position.rows
        assert {"000000000002.arrow"} == life.pipeline.files.damaged
        flip(life.pipeline.files.arrow_path(2), place)
        (tmp_path / "data" / "cursors" / "second.json").unlink()
    kept = tmp_path / "data" / "dead" / "000000000002.arrow.damaged"
    assert life.pipeline.files.arrow_path(2).stat().st_size == kept.stat().st_size

    life.carry()
    life.send(1, 2, 3)
    life.carry()
    assert Counter(["k1", "k2", "k3"]) == life.landed.rows
    assert [] == life.pipeline.courier.cursor.position.gaps
    life.pipeline.end()


@pytest.mark.parametrize("scarce", [
    pa.ArrowException("Unknown error: Failed to launch worker thread"),
    pa.lib.ArrowMemoryError("malloc of size 64 failed")])
def test_a_batch_that_cannot_be_read_for_lack_of_memory_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scarce: Exception,
) -> None:
    life = Life(tmp_path / "data")
    life.send(1, 2)
    real, left = pa.ipc.open_file, [2]

    def failing(source: pa.NativeFile) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise scarce
        return real(source)

    monkeypatch.setattr(pa.ipc, "open_file", failing)
    monkeypatch.setattr("tracker.delivery.courier._FIRST_PAUSE", 0.01)
    life.carry()

    assert Counter(["k1", "k2"]) == life.landed.rows
    assert [] == life.pipeline.courier.cursor.position.gaps
    assert set() == life.pipeline.files.damaged
    life.pipeline.end()


def test_a_batch_that_is_cut_off_lands_nowhere(tmp_path: Path) -> None:
    life = Life(tmp_path / "data")
    life.send(1, 2)
    path = life.pipeline.files.arrow_path(1)
    path.write_bytes(path.read_bytes()[:300])
    life.restart()
    life.carry()

    assert ["k2"] == list(life.landed.rows)
    assert [Gap(1, 1)] == life.pipeline.courier.cursor.position.gaps
    life.pipeline.end()


def test_a_damaged_batch_without_a_checksum_stops_no_other(tmp_path: Path) -> None:
    life = Life(tmp_path / "data")
    life.send(1, 2)
    unchecked(life.pipeline.files.manifest_path(1), Manifest)
    life.restart()
    path = life.pipeline.files.arrow_path(1)
    path.write_bytes(path.read_bytes()[:300])
    life.carry()

    assert ["k2"] == list(life.landed.rows)
    life.pipeline.end()


def unchecked(path: Path, kind: type[msgspec.Struct]) -> None:
    """Write a file of state as versions did that knew no checksums."""
    value = msgspec.json.decode(path.read_bytes(), type=kind)
    old = msgspec.to_builtins(value)
    old.pop("rows_crc", None)
    path.write_bytes(msgspec.json.encode(old))


@pytest.mark.parametrize("name", [
    "batches/000000000001.json", "batches/000000000003.json", "batches/sequencer.json",
    "cursors/model.json"])
def test_any_damaged_byte_of_a_state_file_is_found_and_mended_from_its_copy(
        tmp_path: Path, name: str) -> None:
    life = Life(tmp_path / "data")
    life.send(1, 2, 3)
    life.carry()
    path = tmp_path / "data" / name
    sound = path.read_bytes()
    damaged = 0
    for place in places(path):
        flip(path, place)
        life.restart()
        assert sound == path.read_bytes(), place
        damaged += len(life.pipeline.files.damaged) + life.pipeline.courier.cursor.was_damaged

    life.send(1, 2, 3, 4)
    life.carry()
    assert Counter(["k1", "k2", "k3", "k4"]) == life.landed.rows
    assert damaged == (0 if "sequencer" in name else len(places(path)))
    life.pipeline.end()


def test_a_state_file_damaged_twice_is_named(tmp_path: Path) -> None:
    life = Life(tmp_path / "data")
    life.send(1)
    life.pipeline.end()
    path = life.pipeline.files.manifest_path(1)
    flip(path, 20)
    flip(path, path.stat().st_size - 20)

    with pytest.raises(TrackerError, match=rf"{path.name} is damaged.*restore it from a backup"):
        life.start()


def test_state_files_of_versions_without_checksums_are_read(tmp_path: Path) -> None:
    life = Life(tmp_path / "data")
    life.send(1, 2)
    life.pipeline.land()
    life.send(3)
    for n in (1, 2, 3):
        unchecked(life.pipeline.files.manifest_path(n), Manifest)
    life.restart()
    life.send(1, 4)
    life.carry()

    assert Counter(["k1", "k2", "k3", "k4"]) == life.landed.rows
    assert set() == life.pipeline.files.damaged
    life.pipeline.end()


def test_a_spool_whose_id_is_damaged_is_still_the_same(tmp_path: Path) -> None:
    life = Life(tmp_path / "data")
    life.send(1, 2)
    life.carry()
    before = read_id(tmp_path / "data" / "spool" / "w0")
    (tmp_path / "data" / "spool" / "w0" / "id").write_text("0123456789abcdef" * 2)
    life.restart()
    life.carry()

    assert before == read_id(tmp_path / "data" / "spool" / "w0")
    assert Counter(["k1", "k2"]) == life.landed.rows
    life.pipeline.end()


def test_damage_in_a_spool_costs_one_record_at_most_and_is_counted(tmp_path: Path) -> None:
    for place in range(3, 3000, 97):
        life = Life(tmp_path / str(place))
        for n in range(1, 7):
            life.acknowledged += life.pipeline.send("w0", [(f"k{n}", None)], n)
        segment = max((life.root / "spool" / "w0").glob("*.segment"),
                      key=lambda path: len(path.read_bytes().strip(b"\0")))
        flip(segment, place)
        life.carry()

        missing = set(life.acknowledged) - life.landed.rows.keys()
        assert len(missing) == life.pipeline.lost <= 1, place
        assert len(missing) == len([*segment.parent.glob("damaged/*")]), place
        assert life.landed.rows.total() == 6 - len(missing)
        life.pipeline.end()
