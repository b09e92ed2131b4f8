"""Data that change are read while the old ones go on; workers see what is in use."""

import os
import threading
from pathlib import Path

import pytest

from harness.geodata import GRAZ, LINZ, V4, Row, csv_of, number
from tracker.geoip import NOWHERE
from tracker.geoip.asked import Asked
from tracker.geoip.keeper import Keeper
from tracker.geoip.registry import ATTRIBUTION
from tracker.geoip.sources import ATTRIBUTIONS
from tracker.geoip.told import NAME, read_told
from tracker.settings import GeoFile, GeoSettings

STOP = threading.Event()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(csv_of(V4))
    return path


def keeper_of(tmp_path: Path, *files: Path, version: int = 0) -> Keeper:
    return Keeper(GeoSettings(tuple(map(GeoFile, files)), version), tmp_path / "places")


def look(keeper: Keeper) -> None:
    """Twice, as a file has to rest before it is read."""
    keeper.look(STOP)
    keeper.look(STOP)


def forms(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "places").glob("*.places*"))


def test_a_file_is_read_once_and_used_by_the_next_process(tmp_path: Path, source: Path) -> None:
    keeper = keeper_of(tmp_path, source)
    look(keeper)
    before = [(path, path.stat().st_mtime_ns) for path in (tmp_path / "places").glob("*.places")]

    again = keeper_of(tmp_path, source)
    found = again.find(["1.0.0.1", "9.9.9.9"])
    look(again)

    assert [LINZ, NOWHERE] == keeper.find(["1.0.0.1", "9.9.9.9"]) == found
    assert before == [(path, path.stat().st_mtime_ns)
                      for path in (tmp_path / "places").glob("*.places")]
    assert keeper.used == again.used
    assert keeper.used.startswith("data.csv (")


def test_a_changed_file_is_read_without_a_restart_and_the_old_form_goes(
    tmp_path: Path, source: Path,
) -> None:
    keeper = keeper_of(tmp_path, source)
    look(keeper)
    asked = Asked(tmp_path / "places")
    assert LINZ == asked.find("1.0.0.1").place
    old = forms(tmp_path)

    source.write_bytes(csv_of([Row("1.0.0.0", "1.0.0.99", GRAZ)]))
    keeper.look(STOP)
    assert [LINZ] == keeper.find(["1.0.0.1"])  # it may still be written
    keeper.look(STOP)

    assert [GRAZ] == keeper.find(["1.0.0.1"])
    found = asked.find("1.0.0.1")
    assert (GRAZ, number("1.0.0.0"), number("1.0.0.99")) == (found.place, found.first, found.last)
    assert 1 == len(forms(tmp_path))
    assert old != forms(tmp_path)


def test_another_version_reads_the_same_file_again(tmp_path: Path, source: Path) -> None:
    look(keeper_of(tmp_path, source))
    old = forms(tmp_path)

    look(keeper_of(tmp_path, source, version=1))

    assert old != forms(tmp_path)


def test_a_damaged_file_is_told_and_leaves_the_old_data(tmp_path: Path, source: Path) -> None:
    keeper = keeper_of(tmp_path, source)
    look(keeper)
    good = source.read_bytes()
    source.write_bytes(b"hello\nworld\n")
    look(keeper)

    told = Asked(tmp_path / "places").told
    assert told.error == (f"{source}: row 2 does not begin with two addresses as numbers and a"
                          " country")
    assert not told.building
    assert [LINZ] == keeper.find(["1.0.0.1"])

    source.write_bytes(good)
    look(keeper)
    assert read_told(tmp_path / "places").error is None


def test_a_missing_file_is_told_and_read_when_it_comes(tmp_path: Path, source: Path) -> None:
    data = source.read_bytes()
    source.unlink()
    keeper = keeper_of(tmp_path, source)
    look(keeper)
    assert f"{source} cannot be read: No such file or directory" == read_told(
        tmp_path / "places").error

    source.write_bytes(data)
    look(keeper)

    assert [LINZ] == keeper.find(["1.0.0.1"])
    assert read_told(tmp_path / "places").error is None


def test_a_damaged_form_is_made_anew(tmp_path: Path, source: Path) -> None:
    look(keeper_of(tmp_path, source))
    (path,) = (tmp_path / "places").glob("*.places")
    hurt = bytearray(path.read_bytes())
    hurt[-70] ^= 1
    path.chmod(0o600)
    path.write_bytes(hurt)

    keeper = keeper_of(tmp_path, source)
    look(keeper)

    assert [LINZ] == keeper.find(["1.0.0.1"])


def test_a_damaged_state_is_made_anew(tmp_path: Path, source: Path) -> None:
    look(keeper_of(tmp_path, source))
    (tmp_path / "places" / NAME).write_bytes(b"{")

    keeper = keeper_of(tmp_path, source)
    look(keeper)

    assert [LINZ] == keeper.find(["1.0.0.1"])


def test_data_ask_for_an_attribution_that_workers_know(tmp_path: Path, source: Path) -> None:
    look(keeper_of(tmp_path, source))

    assert ATTRIBUTIONS["ip2location"] == Asked(tmp_path / "places").told.attribution


def test_a_stop_ends_the_process_that_reads(tmp_path: Path) -> None:
    pipe = tmp_path / "never.csv"
    os.mkfifo(pipe)
    keeper = keeper_of(tmp_path, pipe)
    stop = threading.Event()
    keeper.look(stop)
    threading.Timer(1.0, stop.set).start()

    keeper.look(stop)

    assert [] == forms(tmp_path)


def test_without_a_file_the_registries_data_tell_the_country(tmp_path: Path) -> None:
    pytest.importorskip("iptocc")
    keeper = keeper_of(tmp_path)
    asked = Asked(tmp_path / "places")

    assert ["US", "US", "US", ""] == [place.country for place in keeper.find(
        ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "10.0.0.1"])]
    assert "US" == asked.find("8.8.8.8").place.country
    assert (None, ATTRIBUTION) == (asked.find("8.8.8.8").first, asked.told.attribution)
    assert keeper.used.startswith("iptocc ")
