"""Every format brings the same places; what is damaged is refused with words."""

import struct
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.geodata import (
    GRAZ,
    LINZ,
    PARIS,
    V4,
    V6,
    Row,
    bin_of,
    csv_of,
    mapped,
    mmdb_of,
    zip_of,
)
from tracker.durable import Files
from tracker.geoip import NOWHERE, Place
from tracker.geoip.addresses import packed
from tracker.geoip.collector import MOST_PLACES, Collector, DataRefused
from tracker.geoip.form import Form
from tracker.geoip.lookup import Lookup
from tracker.geoip.mmdb import place_of
from tracker.geoip.sources import ATTRIBUTIONS, key_of, read
from tracker.settings import GeoFile

ASKED = ("0.0.0.0", "0.255.255.255", "1.0.0.0", "1.0.0.255", "1.0.1.0", "1.0.3.255", "1.0.4.0",
         "8.8.8.8", "255.255.255.255", "::ffff:8.8.8.8", "2001:db8::", "2001:db8::ffff",
         "2001:db8::1:0", "2400:ff::", "2400:ff::1", "ffff::", "no address", "")
FOUND = [NOWHERE, NOWHERE, LINZ, LINZ, GRAZ, GRAZ, NOWHERE, PARIS, NOWHERE, PARIS, PARIS, PARIS,
         NOWHERE, LINZ, NOWHERE, NOWHERE, NOWHERE, NOWHERE]


def form_of(folder: Path, *files: GeoFile) -> Form:
    collector = Collector()
    for file in files:
        collector.next_source()
        read(file, collector)
    collector.write(Files(), folder / "made.places")
    form = Form(folder / "made.places")
    form.verify()
    return form


def file_of(folder: Path, data: bytes, name: str = "data", **parts: Any) -> GeoFile:
    (folder / name).write_bytes(data)
    return GeoFile(folder / name, **parts)


def find(form: Form, addresses: Sequence[str] = ASKED) -> list[Place]:
    return Lookup(form).find(addresses)


def test_a_pair_of_csv_zips_is_read_as_the_original_names_them(tmp_path: Path) -> None:
    v4 = zip_of(tmp_path / "4.zip", README_TXT=b"x", DB11_CSV=csv_of(V4))
    v6 = zip_of(tmp_path / "6.zip", DB11_IPV6_CSV=csv_of(V6))

    form = form_of(tmp_path, GeoFile(v4, "db11.csv", v6=False), GeoFile(v6, v6=True))

    assert FOUND == find(form)


@pytest.mark.parametrize("data", [
    csv_of((*V4, *V6)), b"ip_from,ip_to,country\r\n" + csv_of((*V4, *V6)) + b"\r\n",
    csv_of((*V6, *reversed(V4))), bin_of(V4, V6),
])
def test_one_file_of_both_versions_is_read_in_any_format(tmp_path: Path, data: bytes) -> None:
    assert FOUND == find(form_of(tmp_path, file_of(tmp_path, data)))


def test_a_bin_in_an_archive_is_read(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "b.zip", LICENSE_TXT=b"x", DB11_BIN=bin_of(V4, V6))

    assert FOUND == find(form_of(tmp_path, GeoFile(path)))


def test_addresses_of_version_4_in_those_of_version_6_are_the_same(tmp_path: Path) -> None:
    rows = [Row(mapped(row.first), mapped(row.last), row.place) for row in V4]
    form = form_of(tmp_path, file_of(tmp_path, csv_of([*rows, *V6]), v6=True))

    assert FOUND == find(form)


def test_the_first_of_two_files_has_all_addresses_of_a_version(tmp_path: Path) -> None:
    one = file_of(tmp_path, csv_of([Row("9.0.0.0", "9.0.0.255", LINZ)]), "one")
    other = file_of(tmp_path, csv_of((*V4, *V6)), "other")
    form = form_of(tmp_path, one, other)

    assert [LINZ, NOWHERE, PARIS] == find(form, ["9.0.0.9", "8.8.8.8", "2001:db8::"])


def test_a_shorter_kind_of_csv_tells_less(tmp_path: Path) -> None:
    form = form_of(tmp_path, file_of(tmp_path, b'"16777216","16777471","AU","Australia"\n'
                                               b'16777472,16777727,"CN","China","Fujian","Fuzhou"\n'))

    assert [Place("AU", name="Australia"), Place("CN", "Fujian", "Fuzhou", name="China")] == find(
        form, ["1.0.0.1", "1.0.1.1"])


def test_of_ranges_that_overlap_the_later_counts(tmp_path: Path) -> None:
    rows = [Row("1.0.0.0", "1.0.9.255", LINZ), Row("1.0.0.0", "1.0.0.255", GRAZ),
            Row("1.0.2.0", "1.0.2.255", PARIS), Row("1.0.3.0", "1.0.3.0", PARIS)]

    form = form_of(tmp_path, file_of(tmp_path, csv_of(rows)))

    assert [GRAZ, NOWHERE, PARIS, PARIS, NOWHERE] == find(
        form, ["1.0.0.1", "1.0.1.1", "1.0.2.1", "1.0.3.0", "1.0.3.1"])


def test_the_last_address_of_all_can_be_somewhere(tmp_path: Path) -> None:
    top = "ffff:" * 7 + "ffff"
    form = form_of(tmp_path, file_of(tmp_path, csv_of([
        Row("255.0.0.0", "255.255.255.255", LINZ), Row("ff00::", top, PARIS)])))

    assert [LINZ, PARIS, PARIS, NOWHERE] == find(
        form, ["255.255.255.255", "ff00::", top, "feff::"])


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (91.0, 1.0), (1.0, 181.0), (float("nan"), 1)])
def test_coordinates_that_are_none_are_left_out(tmp_path: Path, lat: float, lon: float) -> None:
    row = Row("1.0.0.0", "1.0.0.9", Place("AT", lat=lat, lon=lon))
    form = form_of(tmp_path, file_of(tmp_path, csv_of([row]).replace(b'"nan"', b'"NaN"')))

    assert [Place("AT")] == find(form, ["1.0.0.1"])


def test_the_equator_is_a_place(tmp_path: Path) -> None:
    place = Place("EC", lat=0.0, lon=-78.45)
    form = form_of(tmp_path, file_of(tmp_path, csv_of([Row("1.0.0.0", "1.0.0.9", place)])))

    assert [place] == find(form, ["1.0.0.1"])


@pytest.mark.parametrize(("data", "words"), [
    (b"", "neither a zip, a CSV, a BIN nor an .mmdb file"),
    (b"\x00" * 100, "neither a zip"),
    (b"PK\x03\x04" + bytes(100), "the archive is damaged"),
    (b"hello\nworld\n", "row 2 does not begin with two addresses"),
    (b'"1","2"\n', "row 1 does not begin"),
    (b'"5","2","AT"\n', "range 1 goes from 5 to 2"),
    (b'"1_0","20","AT"\n', "row 1 does not begin"),
    (b'"1","2","AT","x","x","x","north","1"\n', "row 1 has a latitude or longitude"),
    (b'"1","2","AT\n', "row 1 is no CSV"),
    (b'"1","2","-","-"\n', "no range with a place"),
    (b'"1","%d","AT"\n' % (1 << 128), "range 1 goes from 1"),
    (b'"1","2","' + b"x" * 5000 + b'"\n', "row 1 is longer than 4096 bytes"),
    (b'"1","' + b"9" * 4000 + b'","AT"\n', "row 1 does not begin"),
    (bin_of(V4, V6)[:600], "it points to a text at byte"),
    (bin_of(V4, V6)[:200], "it is cut off"),
])
def test_damaged_data_are_refused_with_their_name(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(DataRefused) as caught:
        form_of(tmp_path, file_of(tmp_path, data))

    assert words in str(caught.value)


def test_a_bin_that_tells_of_more_rows_than_it_has_is_refused(tmp_path: Path) -> None:
    data = bytearray(bin_of(V4, V6))
    struct.pack_into("<I", data, 5, 1 << 31)

    with pytest.raises(DataRefused, match="it is cut off: its header tells of 2147483648 rows"):
        form_of(tmp_path, file_of(tmp_path, bytes(data)))


def test_rows_of_a_bin_that_are_not_in_order_are_refused(tmp_path: Path) -> None:
    data = bytearray(bin_of(V4))
    data[64:68] = b"\xff" * 4

    with pytest.raises(DataRefused, match="not in order"):
        form_of(tmp_path, file_of(tmp_path, bytes(data)))


def test_an_archive_without_the_member_says_what_is_in_it(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", OTHER_CSV=csv_of(V4))

    with pytest.raises(DataRefused, match=r"no DB11\.CSV in the archive, but OTHER\.CSV"):
        form_of(tmp_path, GeoFile(path, "DB11.CSV"))


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", DB_CSV=csv_of(V4))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at:at + 4] = b"\xfe\xff\xff\xff"  # the size it tells of
    path.write_bytes(data)

    with pytest.raises(DataRefused, match="has 4294967294 bytes, more"):
        form_of(tmp_path, GeoFile(path))


def test_more_places_than_is_sensible_are_refused() -> None:
    collector = Collector()
    collector._places = dict.fromkeys(range(MOST_PLACES), 0)  # type: ignore[arg-type]  # only counted

    with pytest.raises(DataRefused, match="more than 5000000 places"):
        collector.place(LINZ)


ranges = st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 1 << 20),
                   st.sampled_from([LINZ, GRAZ, PARIS])).map(
    lambda row: (row[0], min(row[0] + row[1], (1 << 32) - 1), row[2]))


@settings(max_examples=80, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ranges, min_size=1, max_size=12), st.lists(st.integers(0, (1 << 32) - 1)),
       st.booleans())
def test_any_lookup_is_what_going_through_the_ranges_gives(
    tmp_path: Path, made: list[tuple[int, int, Place]], others: list[int], v6: bool,
) -> None:
    made.sort(key=lambda row: row[0])
    shift = 92 if v6 else 0
    collector = Collector()
    for first, last, place in made:
        collector.add(first << shift, ((last + 1) << shift) - 1, collector.place(place), v6=v6)
    collector.write(Files(), tmp_path / "x.places")
    form = Form(tmp_path / "x.places")

    def expected(value: int) -> Place:
        begun = [row for row in made if row[0] <= value]
        return begun[-1][2] if begun and value <= begun[-1][1] else NOWHERE

    values = [*others, *(row[0] for row in made), *(row[1] for row in made),
              *(row[1] + 1 for row in made if row[1] < (1 << 32) - 1)]
    bits = 16 if v6 else 4
    addresses = [str(ip_address((value << shift).to_bytes(bits, "big"))) for value in values]
    plain = [value for value, text in zip(values, addresses, strict=True)
             if len(packed(text)) == bits]
    asked = [text for text in addresses if len(packed(text)) == bits]
    assert [expected(value) for value in plain] == find(form, asked)
    for value, text in zip(plain, asked, strict=True):
        first, last, place = form.range_of(packed(text))
        assert (first <= value << shift <= last, place) == (True, expected(value))


def read_hurt(tmp_path: Path, data: bytes, changes: list[tuple[int, int]], cut: int | None
              ) -> None:
    """Read a file that was cut and changed: it is refused, or all addresses have an answer."""
    hurt = bytearray(data[:cut])
    for at, byte in changes:
        if at < len(hurt):
            hurt[at] = byte
    try:
        form = form_of(tmp_path, file_of(tmp_path, bytes(hurt)))
    except DataRefused:
        return
    assert len(ASKED) == len(find(form))


@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([csv_of((*V4, *V6)), bin_of(V4, V6)]),
       st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
       st.integers(0, 2500) | st.none())
def test_damage_anywhere_is_refused_or_read(
    tmp_path: Path, data: bytes, changes: list[tuple[int, int]], cut: int | None,
) -> None:
    read_hurt(tmp_path, data, changes, cut)


NETWORKS: list[tuple[str, dict[str, object]]] = [
    ("1.0.0.0/24", {"country": {"iso_code": "AT"}, "city": {"names": {"en": "Linz"}},
                    "location": {"latitude": 48.25, "longitude": 14.25}}),
    ("8.0.0.0/9", {"country_code": "US"}), ("2001:db8::/32", {"country_code": "FR"})]


def test_a_file_in_maxminds_format_is_read(tmp_path: Path) -> None:
    pytest.importorskip("maxminddb")
    file = file_of(tmp_path, mmdb_of(NETWORKS, "DBIP-City-Lite"))
    assert ATTRIBUTIONS["dbip"] == read(file, Collector())

    assert [Place("AT", city="Linz", lat=48.25, lon=14.25), Place("US"), NOWHERE, Place("FR"),
            NOWHERE] == find(form_of(tmp_path, file),
                             ["1.0.0.9", "8.8.8.8", "8.128.0.0", "2001:db8:1::", "2001:db9::"])


@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
       st.integers(0, 2500) | st.none())
def test_damage_in_maxminds_format_is_refused_or_read(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int | None,
) -> None:
    pytest.importorskip("maxminddb")
    read_hurt(tmp_path, mmdb_of(NETWORKS), changes, cut)


@pytest.mark.parametrize(("record", "place"), [
    ({"country": {"iso_code": "AT", "names": {"en": "Austria", "de": "Österreich"}},
      "subdivisions": [{"iso_code": "4", "names": {"en": "Upper Austria"}}],
      "city": {"names": {"en": "Linz"}}, "postal": {"code": "4020"},
      "location": {"latitude": 48.3, "longitude": 14.3, "time_zone": "Europe/Vienna"}},
     Place("AT", "Upper Austria", "Linz", "4020", 48.3, 14.3, "Europe/Vienna", "Austria")),
    ({"country_code": "AT", "state1": "Upper Austria", "city": "Linz", "postcode": "4020",
      "latitude": 48.3, "longitude": 14.3, "timezone": "Europe/Vienna"},
     Place("AT", "Upper Austria", "Linz", "4020", 48.3, 14.3, "Europe/Vienna")),
    ({"country_code": "US"}, Place("US")),
    ({}, Place()),
    ({"country": [1], "city": 5, "subdivisions": {}, "location": "x", "latitude": "1"}, Place()),
    ({"subdivisions": [5], "country": {"names": []}, "location": {"latitude": True}}, Place()),
])
def test_records_nested_and_flat_are_places(record: dict[str, Any], place: Place) -> None:
    assert place == place_of(record)


def test_data_ask_for_their_attribution(tmp_path: Path) -> None:
    assert ATTRIBUTIONS["ip2location"] == read(file_of(tmp_path, csv_of(V4)), Collector())


def test_the_key_changes_with_the_file_and_with_the_version(tmp_path: Path) -> None:
    file = file_of(tmp_path, b"one")
    keys = {key_of([file], 0), key_of([file], 1)}
    file.path.write_bytes(b"other")
    keys.add(key_of([file], 0))

    assert 3 == len(keys)
