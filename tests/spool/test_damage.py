"""Damage costs the records it hit, and no others; it is found, counted and set aside."""

import errno
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.disk import FailingFiles
from harness.effort import calls
from harness.spools import build_segment, fill, place_segment, read_all
from tracker.spool.layout import segment_path
from tracker.spool.reader import Record, SpoolReader
from tracker.spool.scan import Scan
from tracker.spool.segment import FIRST_GROUP, SECTOR, decode_header, next_group, room_for

GROUPS = [[b"a" * 5, b"b" * 40], [b"c" * 64], [b"d", b"", b"f" * 90]]
RECORDS = [record for group in GROUPS for record in group]


def ends(groups: list[list[bytes]]) -> list[int]:
    """Where each record ends in a built segment."""
    offset, found = FIRST_GROUP, []
    for group in groups:
        offset = next_group(offset)
        for record in group:
            found.append(offset + 32 + len(record))
            offset += room_for(len(record))
    return found


def read(directory: Path) -> tuple[list[bytes], SpoolReader]:
    reader = SpoolReader(directory)
    found = read_all(reader)
    reader.close()
    return [record.data for record in found], reader


def damaged(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (directory / "damaged").glob("*")}


def test_a_segment_cut_anywhere_keeps_every_whole_record(tmp_path: Path) -> None:
    content = build_segment(GROUPS, zeros=40)
    for length in range(len(content)):
        place_segment(tmp_path / "w0", content[:length])

        found, reader = read(tmp_path / "w0")

        whole = [r for r, end in zip(RECORDS, ends(GROUPS), strict=True) if end <= length]
        kept = whole if length >= FIRST_GROUP // 2 else []
        assert kept == found, length
        assert reader.corrupt == 0, length
        assert reader.torn <= 1, length
    assert damaged(tmp_path / "w0") == {}


def test_a_cut_group_counts_as_torn(tmp_path: Path) -> None:
    content = build_segment(GROUPS, zeros=0)
    place_segment(tmp_path / "w0", content[:-100])

    found, reader = read(tmp_path / "w0")

    assert RECORDS[:3] == found[:3]
    assert (0, 1) == (reader.corrupt, reader.torn)


def test_any_flipped_bit_costs_one_record_and_is_found(tmp_path: Path) -> None:
    content = build_segment([*GROUPS, [b"last"]])
    dice = random.Random(1)
    records = [*RECORDS, b"last"]
    starts = [end - 32 - len(r) for end, r in zip(ends([*GROUPS, [b"last"]]), records, strict=True)]
    for place in range(FIRST_GROUP, len(content) - 1024):
        flipped = bytearray(content)
        flipped[place] ^= 1 << dice.randrange(8)
        place_segment(tmp_path / "w0", bytes(flipped))
        hit = [n for n, start in enumerate(starts) if start <= place < start + 32 + len(records[n])]

        found, reader = read(tmp_path / "w0")

        assert [r for n, r in enumerate(records) if n not in hit] == found, place
        assert len(hit) == reader.corrupt + reader.torn, place
        assert (hit == [6]) == bool(reader.torn), place


def test_a_flipped_bit_in_the_header_costs_nothing(tmp_path: Path) -> None:
    content = build_segment(GROUPS)
    for place in range(0, FIRST_GROUP, 7):
        flipped = bytearray(content)
        flipped[place] ^= 4
        place_segment(tmp_path / "w0", bytes(flipped))

        found, reader = read(tmp_path / "w0")

        assert RECORDS == found
        assert (0, 0) == (reader.corrupt, reader.torn)


@given(st.data())
def test_destroyed_sectors_cost_only_the_records_they_touch(
        tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    directory = tmp_path_factory.mktemp("w") / "w0"
    groups = [[b"%d-%d" % (n, k) * data.draw(st.integers(1, 60)) for k in range(3)]
              for n in range(6)]
    records = [record for group in groups for record in group]
    content = bytearray(build_segment(groups))
    sectors = range(FIRST_GROUP // SECTOR, (len(content) - 1024) // SECTOR)
    hit = data.draw(st.sets(st.sampled_from(sectors), min_size=1, max_size=3))
    filling = data.draw(st.sampled_from([b"\0", b"\xff", b"\xa5"]))
    for sector in hit:
        content[sector * SECTOR:(sector + 1) * SECTOR] = filling * SECTOR
    place_segment(directory, bytes(content))

    found, reader = read(directory)

    kept = [record for record, end in zip(records, ends(groups), strict=True)
            if not hit & set(range((end - 32 - len(record)) // SECTOR, -(-end // SECTOR)))]
    assert kept == found
    missing = len(records) - len(kept)
    never_written = filling == b"\0" and kept == records[:len(kept)]  # as far as one can see
    assert missing == 0 or never_written or reader.corrupt + reader.torn > 0
    assert reader.corrupt <= missing + 1


def test_damage_in_the_middle_is_set_aside_and_reading_goes_on(tmp_path: Path) -> None:
    content = bytearray(build_segment(GROUPS))
    first = ends(GROUPS)[0]
    content[first - 1] ^= 255  # body of the first record
    third = ends(GROUPS)[2] - 32 - 64
    content[third] ^= 255  # header of the third
    place_segment(tmp_path / "w0", bytes(content))

    found, reader = read(tmp_path / "w0")

    assert [RECORDS[1], *RECORDS[3:]] == found
    assert (2, 0) == (reader.corrupt, reader.torn)
    kept = damaged(tmp_path / "w0")
    assert {"1-1024.bin", f"1-{third}.bin"} == set(kept)
    assert b"c" * 64 in kept[f"1-{third}.bin"]
    folder = tmp_path / "w0" / "damaged"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_the_last_group_is_not_torn_when_its_sync_is_known(tmp_path: Path) -> None:
    content = bytearray(build_segment(GROUPS))
    end = len(content) - 1024
    content[ends(GROUPS)[-1] - 1] ^= 255
    place_segment(tmp_path / "w0", bytes(content))
    place_segment(tmp_path / "w0", build_segment([[b"next"]], 2, previous=1, previous_end=end), 2)

    found, reader = read(tmp_path / "w0")

    assert [*RECORDS[:-1], b"next"] == found
    assert (1, 0) == (reader.corrupt, reader.torn)


def test_what_stands_behind_the_known_end_was_refused_and_stays_unread(tmp_path: Path) -> None:
    content = build_segment(GROUPS)
    end = ends(GROUPS)[2]
    place_segment(tmp_path / "w0", content)
    place_segment(tmp_path / "w0", bytes(4096), 2)  # made ready, never used
    place_segment(tmp_path / "w0", build_segment([[b"next"]], 3, previous=1, previous_end=end), 3)

    found, reader = read(tmp_path / "w0")

    assert [*RECORDS[:3], b"next"] == found
    assert (0, 0) == (reader.corrupt, reader.torn)


def test_a_lost_segment_header_sets_the_segment_aside(tmp_path: Path) -> None:
    content = bytearray(build_segment(GROUPS))
    content[:FIRST_GROUP] = b"\xff" * FIRST_GROUP
    place_segment(tmp_path / "w0", bytes(content))
    place_segment(tmp_path / "w0", build_segment([[b"next"]], 2), 2)

    found, reader = read(tmp_path / "w0")

    assert [b"next"] == found
    assert (1, 0) == (reader.corrupt, reader.torn)
    assert {"1-0.bin": bytes(content).rstrip(b"\0")} == damaged(tmp_path / "w0")


def test_a_torn_segment_header_holds_no_record(tmp_path: Path) -> None:
    place_segment(tmp_path / "w0", build_segment(GROUPS)[:60] + bytes(4000))

    found, reader = read(tmp_path / "w0")

    assert ([], 0, 0) == (found, reader.corrupt, reader.torn)


def test_a_missing_group_shows_as_a_gap(tmp_path: Path) -> None:
    whole = build_segment([[b"one"], [b"two"], [b"three"]], zeros=0)
    content = bytearray(whole)
    content[FIRST_GROUP + SECTOR:FIRST_GROUP + 2 * SECTOR] = bytes(SECTOR)
    place_segment(tmp_path / "w0", bytes(content))

    found, reader = read(tmp_path / "w0")

    assert [b"one", b"three"] == found
    assert (1, 0) == (reader.corrupt, reader.torn)


def test_records_of_the_last_group_are_kept_around_a_tear(tmp_path: Path) -> None:
    records = [b"%d" % n * 300 for n in range(6)]
    content = bytearray(build_segment([[b"before"], records]))
    start = FIRST_GROUP + SECTOR
    content[start + SECTOR:start + 2 * SECTOR] = bytes(SECTOR)
    place_segment(tmp_path / "w0", bytes(content))

    found, reader = read(tmp_path / "w0")

    assert [b"before", records[0], *records[4:]] == found
    assert (0, 1) == (reader.corrupt, reader.torn)


def test_damage_before_the_position_sought_is_not_counted_again(tmp_path: Path) -> None:
    content = bytearray(build_segment(GROUPS))
    content[ends(GROUPS)[0] - 1] ^= 255
    place_segment(tmp_path / "w0", bytes(content))
    reader = SpoolReader(tmp_path / "w0")
    reader.seek(1, 2)

    found = read_all(reader)

    assert RECORDS[2:] == [record.data for record in found]
    assert 0 == reader.corrupt
    reader.close()


def known_to_its_end(directory: Path, *flips: int) -> None:
    """A segment of three records in groups of their own, and the next, which says where it ends."""
    content = bytearray(build_segment([[b"one"], [b"two"], [b"three"]]))
    end = len(content) - 1024
    for place in flips:
        content[place] ^= 255
    place_segment(directory, bytes(content))
    place_segment(directory, build_segment([[b"next"]], 2, previous=1, previous_end=end), 2)


def test_damage_up_to_the_end_of_a_segment_is_counted(tmp_path: Path) -> None:
    known_to_its_end(tmp_path / "w0", *(FIRST_GROUP + SECTOR * group for group in range(3)))

    found, reader = read(tmp_path / "w0")

    assert [b"next"] == found
    assert 1 <= reader.corrupt
    assert {"1-1024.bin"} == set(damaged(tmp_path / "w0"))


@pytest.mark.parametrize(("sealed", "lost"), [(2, 1), (3, 0)])
def test_damage_right_behind_what_is_sealed_is_counted(
        tmp_path: Path, sealed: int, lost: int) -> None:
    known_to_its_end(tmp_path / "w0", FIRST_GROUP + SECTOR * 2)
    reader = SpoolReader(tmp_path / "w0")
    reader.seek(1, sealed)

    assert [b"next"] == [record.data for record in read_all(reader)]
    assert lost == reader.corrupt
    assert lost == len(damaged(tmp_path / "w0"))
    reader.close()


def test_damage_in_the_segment_being_written_is_passed_over(tmp_path: Path) -> None:
    records = [b"%d" % n * 50 for n in range(20)]
    fill(tmp_path / "w0", records, segment_bytes=1 << 16)
    path = segment_path(tmp_path / "w0", 1)
    content = bytearray(path.read_bytes())
    place = content.index(records[7])
    content[place] ^= 1
    path.write_bytes(content)

    reader = SpoolReader(tmp_path / "w0")
    found = read_all(reader)
    reader.close()

    assert [r for r in records if r != records[7]] == [record.data for record in found]
    assert (1, 0) == (reader.corrupt, reader.torn)
    assert Record(1, 9, records[8]) in found


def test_damage_that_cannot_be_set_aside_is_not_passed_over(tmp_path: Path) -> None:
    content = bytearray(build_segment(GROUPS))
    content[ends(GROUPS)[1] - 1] ^= 255
    place_segment(tmp_path / "w0", bytes(content))
    files = FailingFiles(errno.ENOSPC, 2, 3)  # after the sync of the segment
    reader = SpoolReader(tmp_path / "w0", files=files)

    assert [RECORDS[0]] == [record.data for record in reader.read(100, 1000)]
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            reader.read(100, 1000)
    assert RECORDS[2:] == [record.data for record in read_all(reader)]
    assert 1 == reader.corrupt
    assert [b"b" * 39] == [kept[32:71] for kept in damaged(tmp_path / "w0").values()]
    reader.close()


def test_twice_as_much_damage_costs_about_twice_as_much() -> None:
    assert 3 > effort_of_damage(400) / effort_of_damage(200)


def effort_of_damage(places: int) -> int:
    """The calls that it takes to read over damage to every other record of a segment."""
    content = bytearray(build_segment([[b"good", b"bad"]] * places))
    for at in range(FIRST_GROUP, len(content) - SECTOR, SECTOR):
        content[at + room_for(4) + 32] ^= 1
    descriptor = os.memfd_create("segment")
    os.write(descriptor, content)
    header = decode_header(bytes(content[:FIRST_GROUP]))
    assert header is not None
    scan = Scan(descriptor, header)
    found: list[Record] = []

    def read_all_of_it() -> None:
        while not scan.read(len(content), found, 1 << 20, 1 << 30):
            damage = scan.damage(len(content), certain=True)
            assert damage is not None
            scan.skip(damage)

    effort = calls(read_all_of_it)
    scan.close()
    assert places == len(found)
    return effort
