"""Figures of several rounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rig.figures import Ratio, Spread, percentile, ratio, trend

seconds = st.floats(min_value=0, max_value=1e6)


def test_a_spread_is_least_median_and_most() -> None:
    assert Spread(1.0, 2.5, 9.0) == Spread.of([9.0, 1.0, 3.0, 2.0])


def test_a_ratio_is_of_the_medians_and_of_each_pair() -> None:
    assert Ratio(0.5, Spread(0.25, 0.5, 1.0)) == ratio([10, 20, 40], [40, 40, 40])


def test_a_ratio_of_medians_may_differ_from_the_median_of_ratios() -> None:
    found = ratio([10, 50, 20], [20, 10, 100])

    assert found is not None
    assert 1.0 == found.of_medians
    assert 0.5 == found.pairs.median


def test_there_is_no_ratio_to_a_round_without_an_answer() -> None:
    assert ratio([1, 2], [1, 0]) is None


def test_rounds_that_have_no_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="paired"):
        ratio([1, 2], [1])


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.999, 100), (1, 100)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert expected == percentile(range(1, 101), share)


def test_a_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 0.99))


@given(st.lists(seconds, min_size=1), st.floats(min_value=0.01, max_value=1))
def test_at_least_the_share_lies_at_or_below_its_percentile(
        values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_a_trend_compares_the_last_third_with_the_first() -> None:
    assert 20 == trend([10, 10, 11, 15, 18, 20, 30, 30, 31])


def test_two_samples_have_no_trend() -> None:
    assert 0 == trend([1, 100])
