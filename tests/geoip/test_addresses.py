"""Addresses as numbers."""

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.geoip.addresses import is_public, packed


@pytest.mark.parametrize("text", [
    "192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::c000:207", "2002:c000:207::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdf8",
])
def test_an_address_that_carries_one_of_version_4_counts_as_that_one(text: str) -> None:
    assert IPv4Address("192.0.2.7").packed == packed(text)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2400::/12"))
def test_any_other_is_itself(address: object) -> None:
    assert ip_address(str(address)).packed == packed(str(address))


@pytest.mark.parametrize("text", ["", "1", "1.2.3", "1.2.3.4.5", "::g", "1.2.3.4\0", "☃", ":"])
def test_what_is_no_address_has_no_bytes(text: str) -> None:
    assert b"" == packed(text)


@pytest.mark.parametrize(("text", "public"), [
    ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("10.0.0.1", False), ("127.0.0.1", False),
    ("::1", False), ("fe80::1", False), ("fd00::1", False), ("192.168.1.1", False),
    ("224.0.0.1", False), ("100.64.0.1", False), ("0.0.0.0", False),
])
def test_private_and_reserved_addresses_are_told_from_public_ones(text: str, public: bool) -> None:
    assert public == is_public(packed(text))
