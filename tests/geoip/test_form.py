"""The mapped form: damage is told or bounded, never a fault."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.geodata import V4, V6, csv_of, number
from tracker.durable import Files
from tracker.geoip.addresses import packed
from tracker.geoip.collector import Collector
from tracker.geoip.form import Form, PlacesDamaged
from tracker.geoip.lookup import Lookup
from tracker.geoip.sources import read
from tracker.settings import GeoFile

ASKED = ["1.0.0.1", "8.8.8.8", "2001:db8::1", "255.0.0.1", "ffff::"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("form")
    (folder / "data").write_bytes(csv_of((*V4, *V6)))
    collector = Collector()
    read(GeoFile(folder / "data"), collector)
    collector.write(Files(), folder / "x")
    return (folder / "x").read_bytes()


def test_a_range_is_told_with_its_ends(tmp_path: Path, made: bytes) -> None:
    (tmp_path / "x").write_bytes(made)

    first, last, place = Form(tmp_path / "x").range_of(packed("8.8.8.8"))

    assert (number("8.8.8.0"), number("8.8.8.255"), "Paris, 1er") == (first, last, place.city)


def test_before_the_first_and_behind_the_last_range_is_nowhere(tmp_path: Path, made: bytes) -> None:
    (tmp_path / "x").write_bytes(made)
    form = Form(tmp_path / "x")

    assert (0, number("1.0.0.0") - 1, "") == (*form.range_of(packed("0.0.0.1"))[:2], "")
    assert (1 << 128) - 1 == form.range_of(packed("ffff::"))[1]


@pytest.mark.parametrize("data", [b"", b"x", b"places\x00\x01", b"places\x00\x01\xff\xff\xff\xff",
                                  b"places\x00\x01\x02\x00\x00\x00{}"])
def test_what_is_no_file_of_places_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)

    with pytest.raises(PlacesDamaged):
        Form(tmp_path / "x")


def test_a_flipped_byte_is_found_by_verifying(tmp_path: Path, made: bytes) -> None:
    hurt = bytearray(made)
    hurt[-70] ^= 1
    (tmp_path / "x").write_bytes(hurt)

    with pytest.raises(PlacesDamaged, match="not those that were written"):
        Form(tmp_path / "x").verify()


@settings(max_examples=300, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
       st.integers(0, 5000) | st.none())
def test_damage_never_makes_a_lookup_fail(
    tmp_path: Path, made: bytes, changes: list[tuple[int, int]], cut: int | None,
) -> None:
    hurt = bytearray(made[:cut])
    for at, byte in changes:
        if at < len(hurt):
            hurt[at] = byte
    (tmp_path / "x").write_bytes(hurt)
    try:
        form = Form(tmp_path / "x")
    except PlacesDamaged:
        return
    assert len(ASKED) == len(Lookup(form).find(ASKED))
    for address in ASKED:
        form.range_of(packed(address))
