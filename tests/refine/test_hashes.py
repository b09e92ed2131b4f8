import pytest

from harness.refining import event_of, make_hit, refine, row_of, rows
from tracker.refine import hashes
from tracker.settings import RefineSettings

LEGACY = RefineSettings(legacy_hashes=True)
DAY = 86_400 * 10**9


@pytest.mark.parametrize(("text", "expected"), [
    ("", "ztntfp"), ("localhost", "d4md6"), ("localhost:8443", "ixzovd"),
    ("example.com", "imdezq"), ("sfpl.io", "1dwd3ze"), ("mozilla/5.0", "4dc1h5"),
    ("curl/7.88.1", "1e86evk"),
    ("mozilla/5.0 (x11; linux x86_64; rv:120.0) gecko/20100101 firefox/120.0", "135xquo"),
])
def test_short_hashes_are_the_originals(text: str, expected: str) -> None:
    assert expected == hashes.h36(text)


@pytest.mark.parametrize(("address", "expected"), [
    ("127.0.0.1", "2eauxqsti0h26dc3qe1mfglks"), ("8.8.8.8", "b4c84prdbt401t5oxss1cy8xcx"),
    ("2001:4860:4860::8888", "1tu49v45ca6ili5ho2va6eaj4"), ("", "ztntfp135z3in1eqbxkar6f7sh"),
])
def test_legacy_addresses_are_the_originals(address: str, expected: str) -> None:
    assert expected == hashes.legacy_address(address)


def test_legacy_rows_hold_the_originals_hash_of_the_address() -> None:
    assert "b4c84prdbt401t5oxss1cy8xcx" == row_of(make_hit(), LEGACY)["iphash"]
    assert "" == row_of(make_hit(address=""), LEGACY)["iphash"]


@pytest.mark.parametrize(("key", "column", "plain", "prefix", "expected"), [
    ("email", "ehash", "lalala@aaa.com", "", "-MbtIBwImNmusGbGdX7jHdk6fe4="),
    ("email", "ehash", " LALALA@aaa.com ", "", "-MbtIBwImNmusGbGdX7jHdk6fe4="),
    ("email", "ehash", "lalala@aaa.com", "salt", "YOQ5Z-y5jzrgn7rHpviT3iF5yeo="),
    ("cell", "chash", "+15551234567", "", "GGHjlcXNrWq9L-5GGyTJfxCapeA="),
    ("uname", "uhash", "admin", "", "0DPiKuNIrrVmD8IUCuw1hQxNqZc="),
])
def test_legacy_hashes_of_people_are_the_originals(
        key: str, column: str, plain: str, prefix: str, expected: str) -> None:
    settings = RefineSettings(legacy_hashes=True, private_prefix=prefix)

    row = event_of({key: plain}, settings)

    assert expected == row[column]
    assert {} == row["params"]


def test_the_account_of_a_host_is_the_originals() -> None:
    assert "12gt8bn" == hashes.account("sfpl.io", "mixer")


def test_hashes_of_people_depend_on_the_key() -> None:
    one, other = (event_of({"email": "a@b.c"}, RefineSettings(private_key=key))["ehash"]
                  for key in (b"1", b"2"))

    assert one != other
    assert one == event_of({"email": " A@B.C"}, RefineSettings(private_key=b"1"))["ehash"]
    assert 44 == len(one)


def test_the_hash_of_an_address_changes_with_the_utc_day() -> None:
    first, same, next_day, other = rows(refine(
        make_hit(received=10 * DAY), make_hit(received=11 * DAY - 1), make_hit(received=11 * DAY),
        make_hit(received=10 * DAY, address="8.8.4.4")))

    assert first["iphash"] == same["iphash"]
    assert 4 - 1 == len({row["iphash"] for row in (first, same, next_day, other)})


def test_without_plain_addresses_the_ip_is_its_hash_and_a_sent_one_goes() -> None:
    row = row_of(make_hit(b'{"ip":"1.2.3.4"}'), RefineSettings(remove_ip=True))

    assert row["iphash"] == row["ip"]
    assert {} == row["params"]
    assert "8.8.8.8" == row_of(make_hit())["ip"]


def test_a_given_hash_wins_over_the_plain_value() -> None:
    row = event_of({"ehash": "Given=", "email": "a@b.c"})

    assert "Given=" == row["ehash"]
    assert {} == row["params"]
