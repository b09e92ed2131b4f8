from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.numerals import read_integer, read_number
from tracker.refine.coerce import read_flag, read_text


@pytest.mark.parametrize(("sent", "kept"), [
    ("x", "x"), ("", ""), (1, "1"), (1.5, "1.5"), (True, "true"), (False, "false"),
    ([1], None), ({}, None),
])
def test_text_bends_from_numbers_and_flags_but_not_from_lists(sent: Any, kept: str | None) -> None:
    assert kept == read_text(sent)


@pytest.mark.parametrize(("sent", "kept"), [
    ("37.2", 37.2), (" 6 ", 6.0), ("1e3", 1000.0), (6, 6.0), (6.5, 6.5), (True, 1.0),
    ("", None), ("x", None), ("nan", None), ("inf", None), ("1e999", None), ("1_000", None),
    ("٣", None), ("0x10", None), (1 << 53, float(1 << 53)), ((1 << 53) + 1, None), (10**400, None),
    ("1" * 100, None), ([], None), ({}, None), (float("nan"), None), (float("inf"), None),
])
def test_numbers_are_finite_and_exact(sent: Any, kept: float | None) -> None:
    assert kept == read_number(sent)


@pytest.mark.parametrize(("sent", "kept"), [
    (6, 6), (6.0, 6), ("6", 6), ("6.0", 6), (" +6 ", 6), ("1e3", 1000), (True, 1),
    (1.5, None), ("1.5", None), ("x", None), ("", None), (1e300, None), (float("inf"), None),
    ((1 << 63) - 1, (1 << 63) - 1), (1 << 63, None), (str(-1 << 63), -1 << 63),
    (str(1 << 63), None), ("9" * 100, None), ([1], None),
])
def test_an_integer_column_takes_whole_numbers_of_64_bits_only(sent: Any, kept: int | None) -> None:
    assert kept == read_integer(sent)


@pytest.mark.parametrize(("sent", "kept"), [
    (True, True), ("true", True), ("TRUE", True), ("1", True), ("yes", True), ("on", True),
    ("y", True), (1, True), (1.0, True),
    (False, False), ("false", False), ("0", False), ("no", False), ("off", False), ("", False),
    (0, False), ("maybe", None), (2, None), ([], None),
])
def test_flags_are_read_as_people_write_them(sent: Any, kept: bool | None) -> None:
    assert kept is read_flag(sent)


@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    read_number(text)
    read_integer(text)
    read_flag(text)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_every_64_bit_integer_survives_being_text(number: int) -> None:
    assert number == read_integer(str(number))
