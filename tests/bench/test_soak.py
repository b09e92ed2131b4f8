"""What grows while nothing else does is a fault; what only warms up is none."""

import pytest

from bench.measures.soak import JUDGED_MINUTES, judge
from bench.rig.scenario import Figure, Result

SAMPLES = 90


def judged(values: list[float], name: str, minutes: float = 30.0) -> Result:
    result = Result(Figure("tracker", "events/s", (1.0,)), 1.0)
    judge([{"seconds": 5.0 * at, name: value} for at, value in enumerate(values)], minutes, result)
    return result


@pytest.mark.parametrize(("name", "slope"), [
    ("memory of store", 1.5), ("descriptors of w0", 2.0), ("lag of stores", 0.1)])
def test_what_grows_once_warm_is_a_fault(name: str, slope: float) -> None:
    result = judged([100 + slope * at for at in range(SAMPLES)], name)

    assert [name] == [fault.partition(" grew")[0] for fault in result.faults]


@pytest.mark.parametrize("name", ["memory of store", "descriptors of w0", "lag of stores"])
def test_what_is_flat_once_warm_is_none(name: str) -> None:
    warming = [float(at) for at in range(SAMPLES // 3)]

    assert [] == judged(warming + [30.0, 31.0] * (SAMPLES // 3), name).faults


def test_a_run_too_short_to_judge_says_so() -> None:
    result = judged([1.0 * at * at for at in range(SAMPLES)], "memory of w0", JUDGED_MINUTES / 2)

    assert ([], 1) == (result.faults, len(result.notes))
