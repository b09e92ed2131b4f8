"""A segment gives back what was put into it, and says when it does not."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.spools import SALT, SPOOL_ID, build_segment, place_segment, read_all
from tracker.errors import SpoolCorrupt, TrackerError
from tracker.spool.reader import SpoolReader
from tracker.spool.resync import find_headers
from tracker.spool.segment import (
    FIRST_GROUP,
    HEADER_BYTES,
    MAGIC,
    SECTOR,
    SegmentHeader,
    decode_header,
    encode_group,
    encode_header,
    room_for,
    seed_of,
)

HEADER = SegmentHeader(SPOOL_ID, 7, SALT, 1_700_000_000_000_000_000, 5, 123_456)
bodies = st.binary(max_size=700)
groups = st.lists(st.lists(bodies, min_size=1, max_size=6), max_size=8)
longs = st.integers(0, (1 << 64) - 1)


@given(st.builds(SegmentHeader, st.binary(min_size=16, max_size=16), longs,
                 st.binary(min_size=16, max_size=16), longs, longs, longs))
def test_a_header_comes_back(header: SegmentHeader) -> None:
    data = encode_header(header)

    assert len(data) == FIRST_GROUP
    assert header == decode_header(data)


@pytest.mark.parametrize("damaged", [0, HEADER_BYTES])
def test_a_header_is_read_from_its_copy(damaged: int) -> None:
    data = bytearray(encode_header(HEADER))
    data[damaged:damaged + HEADER_BYTES] = os.urandom(HEADER_BYTES)

    assert decode_header(bytes(data)) == HEADER


def test_a_header_lost_twice_is_corruption() -> None:
    data = bytearray(encode_header(HEADER))
    data[20] ^= 1
    data[HEADER_BYTES + 20] ^= 1

    with pytest.raises(SpoolCorrupt):
        decode_header(bytes(data))


def test_a_segment_never_written_has_no_header() -> None:
    assert decode_header(bytes(FIRST_GROUP)) is None
    assert decode_header(b"") is None


def test_a_segment_of_a_newer_version_is_not_taken_for_damage(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.spool.segment.VERSION", 2)
    newer = encode_header(HEADER)
    monkeypatch.undo()

    assert newer.startswith(MAGIC)
    with pytest.raises(TrackerError, match="format 2") as caught:
        decode_header(newer)
    assert not isinstance(caught.value, SpoolCorrupt)


@given(groups)
def test_groups_come_back_in_order(tmp_path_factory: pytest.TempPathFactory,
                                   records: list[list[bytes]]) -> None:
    directory = tmp_path_factory.mktemp("w") / "w0"
    place_segment(directory, build_segment(records))
    reader = SpoolReader(directory)
    flat = [record for group in records for record in group]

    found = read_all(reader, at_once=3)
    reader.close()

    assert flat == [record.data for record in found]
    assert list(range(1, len(flat) + 1)) == [record.sequence for record in found]
    assert (0, 0) == (reader.corrupt, reader.torn)


@given(st.lists(bodies, min_size=1, max_size=6), st.integers(0, 100), st.integers(1, 1 << 40))
def test_records_stand_on_multiples_of_eight(records: list[bytes], sectors: int,
                                             sequence: int) -> None:
    offset = sectors * SECTOR
    data = encode_group(records, 5, offset, sequence, 3)

    assert sum(room_for(len(record)) for record in records) == len(data)
    found = find_headers(data, 5, offset, sequence, 3)
    assert [(sequence + n, 3, len(records) - 1 - n) for n in range(len(records))] == [
        (header.sequence, header.group, header.left) for header in found]
    assert all(header.offset % 8 == 0 for header in found)


@pytest.mark.parametrize(("seed", "offset"), [(6, 0), (5, 512), (5, 8)])
def test_a_record_of_another_segment_or_place_is_none(seed: int, offset: int) -> None:
    data = encode_group([b"one", b"two"], 5, 0, 1, 1)

    assert find_headers(data, seed, offset, 1, 1) == []
    assert len(find_headers(data, 5, 0, 1, 1)) == 2


def test_a_record_copied_into_a_body_is_not_read_as_one(tmp_path: Path) -> None:
    inner = build_segment([[b"inner"]])[FIRST_GROUP:]
    content = bytearray(build_segment([[b"first", inner, b"last"]]))
    content[FIRST_GROUP + 3] ^= 1  # so that the reader has to look for headers
    place_segment(tmp_path / "w0", bytes(content) + build_segment([[b"x"]])[FIRST_GROUP:])

    found = read_all(SpoolReader(tmp_path / "w0"))

    assert [inner, b"last"] == [record.data for record in found]
    assert seed_of(SALT) != 0
