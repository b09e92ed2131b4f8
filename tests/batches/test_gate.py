"""The gate lets each id through once, whatever comes between."""

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.batches.gate import ENTRY, Bodies, EidGate, Ids
from tracker.durable import Files

DAY = 86_400_000_000_000
KEYS = (0x0123456789ABCDEF, 0xFEDCBA9876543210)


def gate(directory: Path, newest: int = 0, days: float = 3.0, entries: int = 1_000_000) -> EidGate:
    made = EidGate(directory, KEYS, days, entries)
    made.open(newest)
    return made


def ids(*numbers: int) -> Ids:
    return np.array([[number >> 8, number] for number in numbers], dtype=np.uint64).reshape(-1, 2)


def bodies(*numbers: int) -> Bodies:
    return np.array(numbers, dtype=np.uint64)


def seal(door: EidGate, n: int, numbers: list[int], sealed: int = 0) -> list[int]:
    """Judge and seal one batch; gives back the numbers that were kept."""
    found, values = ids(*numbers), bodies(*numbers)
    verdict = door.judge(found, values, np.ones(len(numbers), dtype=np.bool_))
    door.add(door.write(n, sealed, found[verdict.keep], values[verdict.keep]))
    return [number for number, keep in zip(numbers, verdict.keep, strict=True) if keep]


def flipped(content: bytes, place: int) -> bytes:
    """`content` with one bit of the byte at `place` another."""
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1:]


def test_a_repeat_in_the_same_batch_is_dropped(tmp_path: Path) -> None:
    verdict = gate(tmp_path).judge(
        ids(5, 6, 5), bodies(1, 1, 1), np.ones(3, dtype=np.bool_))

    assert [True, True, False] == verdict.keep.tolist()
    assert (1, 0) == (verdict.duplicates, verdict.conflicts)


def test_a_repeat_with_another_body_is_counted_as_a_conflict(tmp_path: Path) -> None:
    door = gate(tmp_path)
    within = door.judge(ids(5, 5), bodies(1, 2), np.ones(2, dtype=np.bool_))
    door.add(door.write(1, 0, ids(7), bodies(1)))
    across = door.judge(ids(7), bodies(2), np.ones(1, dtype=np.bool_))

    assert (1, 1) == (within.duplicates, within.conflicts)
    assert (1, 1) == (across.duplicates, across.conflicts)


def test_ids_of_our_own_are_never_looked_up(tmp_path: Path) -> None:
    verdict = gate(tmp_path).judge(ids(5, 5), bodies(1, 1), np.zeros(2, dtype=np.bool_))

    assert [True, True] == verdict.keep.tolist()


def test_a_repeat_in_a_later_batch_is_dropped(tmp_path: Path) -> None:
    door = gate(tmp_path)

    assert [1, 2, 3] == seal(door, 1, [1, 2, 3])
    assert [4] == seal(door, 2, [3, 4, 1])


def test_ids_survive_a_restart(tmp_path: Path) -> None:
    seal(gate(tmp_path), 1, [1, 2, 3])

    assert [4] == seal(gate(tmp_path, newest=1), 2, [2, 4])


def test_ids_of_a_batch_that_was_never_sealed_are_forgotten(tmp_path: Path) -> None:
    door = gate(tmp_path)
    seal(door, 1, [1])
    door.write(2, 0, ids(9), bodies(9))

    assert [9] == seal(gate(tmp_path, newest=1), 2, [1, 9])


def test_many_batches_stay_few_files(tmp_path: Path) -> None:
    door = gate(tmp_path)
    for n in range(1, 601):
        assert [n, n + 10_000] == seal(door, n, [n, n + 10_000])

    assert len(list(tmp_path.glob("*.eids"))) < 40
    assert [] == seal(door, 601, list(range(1, 601)))
    assert [] == seal(gate(tmp_path, newest=601), 602, list(range(10_001, 10_601)))


def test_no_merge_is_larger_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracker.batches.gate._LARGEST", 100)
    door = gate(tmp_path)
    for n in range(1, 301):
        seal(door, n, [2 * n, 2 * n + 1])

    sizes = [path.stat().st_size // ENTRY.itemsize for path in tmp_path.glob("*.eids")]
    assert max(sizes) <= 102  # the header is as large as one
    assert len(sizes) < 50
    assert [] == seal(door, 301, list(range(2, 602)))
    assert 600 == gate(tmp_path, newest=301).entries


def test_a_merge_cut_off_by_a_crash_counts_no_id_twice(tmp_path: Path) -> None:
    door = gate(tmp_path)
    for n in range(1, 8):
        seal(door, n, [n])
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.eids")}
    seal(door, 8, [8])
    for path, content in kept.items():
        path.write_bytes(content)

    reopened = gate(tmp_path, newest=8)

    assert 8 == reopened.entries
    assert [] == seal(reopened, 9, list(range(1, 9)))


def test_old_ids_are_forgotten(tmp_path: Path) -> None:
    door = gate(tmp_path, days=3)
    seal(door, 1, [1], sealed=DAY)
    seal(door, 2, [2], sealed=3 * DAY)
    door.expire(4 * DAY + 1)

    assert [1] == seal(door, 3, [1, 2], sealed=4 * DAY)


def test_the_memory_bound_forgets_the_oldest_and_says_so(tmp_path: Path) -> None:
    door = gate(tmp_path, entries=10)
    for n in range(1, 6):
        seal(door, n, list(range(n * 100, n * 100 + 4)), sealed=n * DAY)

    assert door.entries <= 10
    assert 20 - door.entries == door.evicted


def test_a_damaged_entry_is_forgotten_alone_and_its_file_is_set_aside(tmp_path: Path) -> None:
    seal(gate(tmp_path), 1, [*range(20)])
    path = next(tmp_path.glob("*.eids"))
    path.write_bytes(flipped(path.read_bytes(), 32 + 5 * 32 + 8))  # the id of the sixth
    door = gate(tmp_path, newest=1)

    assert {path.name} == door.damaged
    assert [path.with_suffix(".damaged").name] == [kept.name for kept in tmp_path.glob("*.damaged")]
    assert 1 == len(seal(door, 2, [*range(20)]))
    assert set() == gate(tmp_path, newest=2).damaged


def test_any_damaged_byte_is_found_and_costs_one_id_at_most(tmp_path: Path) -> None:
    seal(gate(tmp_path / "sound"), 1, [1, 2, 3])
    sound = next((tmp_path / "sound").glob("*.eids"))
    for place in range(sound.stat().st_size):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / sound.name).write_bytes(flipped(sound.read_bytes(), place))
        door = gate(folder, newest=1)

        assert {sound.name} == door.damaged, place
        assert len(seal(door, 2, [1, 2, 3])) <= (place >= 32), place


def test_files_of_versions_without_a_check_of_the_head_are_read(tmp_path: Path) -> None:
    seal(gate(tmp_path), 1, [1, 2])
    path = next(tmp_path.glob("*.eids"))
    content = path.read_bytes()
    path.write_bytes(content[:20] + bytes(4) + content[24:])
    door = gate(tmp_path, newest=1)

    assert (set(), []) == (door.damaged, seal(door, 2, [1, 2]))


def test_damage_since_the_start_lets_no_repeat_through_and_is_found(tmp_path: Path) -> None:
    door = gate(tmp_path)
    seal(door, 1, [1, 2])
    path = next(tmp_path.glob("*.eids"))
    with path.open("r+b") as file:
        file.seek(32 + 8)
        file.write(b"damaged!")

    assert [] == seal(door, 2, [1, 2])
    assert {path.name} == door.damaged


def test_a_merge_takes_no_damaged_id_for_good(tmp_path: Path) -> None:
    door = gate(tmp_path)
    for n in range(1, 8):
        seal(door, n, [n])
    path = min(tmp_path.glob("*.eids"))
    path.write_bytes(flipped(path.read_bytes(), 32 + 8))
    seal(door, 8, [8])

    assert 1 == len([*tmp_path.glob("*.eids")])
    assert {path.name} == door.damaged
    assert set() == gate(tmp_path, newest=8).damaged


def test_a_clock_that_goes_forth_and_back_lets_no_repeat_through(tmp_path: Path) -> None:
    door = gate(tmp_path)
    for n, sealed in enumerate([0] * 5 + [DAY] * 3 + [0] * 4, 1):
        seal(door, n, [n], sealed)

    assert [] == seal(door, 13, [*range(1, 13)])
    assert [] == seal(gate(tmp_path, newest=13), 14, [*range(1, 13)])


class Undeletable(Files):
    """A disk that takes no name away."""

    def unlink(self, path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")


def test_files_that_cannot_be_deleted_let_no_repeat_through(tmp_path: Path) -> None:
    door = EidGate(tmp_path, KEYS, 3.0, 1_000_000, Undeletable())
    door.open(0)
    for n in range(1, 10):
        seal(door, n, [n])
    again = seal(door, 10, [*range(1, 10)])
    door.expire(4 * DAY)

    assert [] == again
    assert 0 == door.entries


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=40))
def test_each_id_is_let_through_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]],
) -> None:
    door = gate(tmp_path_factory.mktemp("gate"))
    kept = [number for n, batch in enumerate(batches, 1) for number in seal(door, n, batch)]

    assert sorted({number for batch in batches for number in batch}) == sorted(kept)
