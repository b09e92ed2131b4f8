"""Figures of several rounds: least, median, most, and ratios of two that ran side by side."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds gave."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(min(values), statistics.median(values), max(values))


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours over theirs: of the medians, and of each pair of rounds that ran one after the other."""

    of_medians: float
    pairs: Spread


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio | None:
    """The ratio of paired rounds; None when a round of theirs gave nothing to divide by."""
    if len(ours) != len(theirs):
        raise ValueError(f"rounds are paired, but there are {len(ours)} and {len(theirs)}")
    if not all(theirs):
        return None
    pairs = Spread.of([mine / other for mine, other in zip(ours, theirs, strict=True)])
    return Ratio(statistics.median(ours) / statistics.median(theirs), pairs)


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` (above 0, up to 1) of all values do not exceed."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def trend(values: Sequence[float]) -> float:
    """The median of the last third less that of the first: what grew while nothing else did."""
    third = len(values) // 3
    if not third:
        return 0.0
    return statistics.median(values[-third:]) - statistics.median(values[:third])
