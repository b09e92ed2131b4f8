"""Levels and times of log lines, as services write them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.logwords import NEWEST_NANOSECONDS, nano_text, read_level, read_nanoseconds

ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())


@pytest.mark.parametrize(("sent", "read"), [
    ("error", 3), ("ERR", 3), (" Warning ", 4), ("fatal", 2), ("trace", 7), ("17", 17), (0, 0),
    (-4, -4), ("loud", None), ("", None), (1.0, None), (True, None), (10**9, None), ([], None)])
def test_a_level_is_a_name_or_a_number(sent: Any, read: int | None) -> None:
    assert read == read_level(sent)


@pytest.mark.parametrize(("sent", "read"), [
    ("1970-01-01T00:00:01Z", 10**9), ("1970-01-01 01:00:00.000000001+01:00", 1),
    ("1970-01-01t00:00:00.5z", 5 * 10**8), ("1970-01-01T00:00:00", 0), ("5", 5), (5, 5),
    (NEWEST_NANOSECONDS, NEWEST_NANOSECONDS), (NEWEST_NANOSECONDS + 1, None), (-1, None),
    ("1969-12-31T23:59:59Z", None), ("2026-01-01T24:00:00Z", None), ("2026-01-01", None),
    ("2026-01-01T00:00:60Z", None), (1.5, None), (True, None), ("1" * 20, None)])
def test_a_time_is_rfc_3339_or_nanoseconds(sent: Any, read: int | None) -> None:
    assert read == read_nanoseconds(sent)


@given(st.integers(0, NEWEST_NANOSECONDS))
def test_no_nanosecond_is_lost(nanoseconds: int) -> None:
    assert nanoseconds == read_nanoseconds(nano_text(nanoseconds))
    assert nano_text(nanoseconds)[:19] == datetime.fromtimestamp(
        nanoseconds // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")


@given(ANYTHING)
def test_anything_is_read_or_is_none(value: Any) -> None:
    found = read_nanoseconds(value)
    assert found is None or 0 <= found <= NEWEST_NANOSECONDS
    level = read_level(value)
    assert level is None or abs(level) < 10**9
