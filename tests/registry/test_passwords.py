"""How often somebody may try in vain, and what is kept of secrets."""

import pytest

from tracker.registry.passwords import Attempts, hash_key, hash_password, is_password, new_key


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_password_is_known_by_its_hash_alone() -> None:
    stored = hash_password("correct horse")

    assert stored.startswith("$argon2id$")
    assert stored != hash_password("correct horse")
    assert [True, False, False, False, False] == [
        is_password(stored, "correct horse"), is_password(stored, "correct hors"),
        is_password("", "correct horse"), is_password("", ""), is_password("noise", "")]


def test_keys_are_random_and_long() -> None:
    keys = {new_key() for _ in range(100)}

    assert 100 == len(keys) == len({hash_key(key) for key in keys})
    assert {"trk_"} == {key[:4] for key in keys}
    assert {47} == {len(key) for key in keys}


def test_five_tries_are_free_then_each_waits_twice_as_long() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    waits = []
    for _ in range(9):
        attempts.failed("anna", "192.0.2.1")
        waits.append(attempts.wait("other", "192.0.2.1"))

    assert [0, 0, 0, 0, 1, 2, 4, 8, 16] == waits
    assert 16 == attempts.wait("anna", "198.51.100.1")
    assert 0 == attempts.wait("other", "198.51.100.1")


def test_an_account_waits_half_a_minute_at_most_an_address_a_quarter_of_an_hour() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(2000):
        attempts.failed("anna", "192.0.2.1")

    assert 30 == attempts.wait("anna", "198.51.100.1")
    assert 900 == attempts.wait("other", "192.0.2.1")
    clock.now += 1801
    assert 0 == attempts.wait("anna", "192.0.2.1")


def test_who_was_right_is_forgiven_but_not_what_else_came_from_there() -> None:
    attempts = Attempts(Clock())
    for _ in range(6):
        attempts.failed("anna", "192.0.2.1")
    attempts.succeeded("anna", "192.0.2.1")

    assert 0 == attempts.wait("anna", "198.51.100.1")
    assert 1 == attempts.wait("other", "192.0.2.1")


@pytest.mark.parametrize(("one", "other", "same"), [
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
    ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ("192.0.2.1", "192.0.2.2", False), ("", "", True),
])
def test_of_ipv6_a_whole_network_is_one_address(one: str, other: str, same: bool) -> None:
    attempts = Attempts(Clock())
    for _ in range(6):
        attempts.failed("anna", one)

    assert same is (attempts.wait("other", other) > 0)


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    attempts = Attempts(Clock())
    for number in range(20_000):
        attempts.failed(f"u{number}" * 100, f"10.{number >> 8}.{number & 255}.1")

    assert 10_000 == len(attempts._failures)
    assert max(map(len, attempts._failures)) < 200
