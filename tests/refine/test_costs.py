"""What a request costs to refine grows with its size, whatever is in it: counted in calls."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from harness.effort import calls
from harness.refining import SETTINGS, make_hit, rows
from tracker.hit import Hit
from tracker.refine import Refinery

REFINERY = Refinery(SETTINGS)


def effort(hit: Hit) -> int:
    """How many calls it takes to refine a hit."""
    REFINERY.refine([hit])
    return calls(lambda: REFINERY.refine([hit]))


def splits(segments: int) -> Any:
    """An object with every way to write one path: {"a.a": 1, "a": {"a": 2}}, deeper."""
    return 1 if segments == 0 else {
        ".".join("a" * count): splits(segments - count) for count in range(1, segments + 1)}


def of_one_path(values: int) -> Hit:
    return make_hit(json.dumps(splits(values.bit_length())).encode())


def spelt_in_head(spellings: int) -> Hit:
    """Events without a name that the head has in so many spellings, the worst of them first."""
    letters = product(*zip("campaign", "CAMPAIGN", strict=True))
    keys = sorted({"".join(word) for word in letters} - {"campaign"})[:spellings]
    return make_hit(json.dumps([{"z": 1}] * 100).encode(), events=100,
                    headers=f"User: {json.dumps(dict.fromkeys(reversed(keys), 1))}\r\n")


@pytest.mark.parametrize(("make", "size"), [(of_one_path, 500), (spelt_in_head, 120)])
def test_twice_as_much_costs_about_twice_as_much(make: Callable[[int], Hit], size: int) -> None:
    assert 3 > effort(make(2 * size)) / effort(make(size))


def test_values_of_one_path_get_names_of_their_own() -> None:
    (row,) = rows(REFINERY.refine([of_one_path(4)]))

    assert {"a": {"a": {"a": 1}, "a.a_": 1}, "a.a": {"a_2": 1}, "a.a.a_3": 1} == row["params"]


@pytest.mark.parametrize("depth", [65, 400, 900, 5_000])
@pytest.mark.parametrize("inner", ["[", '{"a":'])
def test_objects_too_deep_in_text_stay_text(depth: int, inner: str) -> None:
    deep = f'{{"x":{inner * depth}1{("]" if inner == "[" else "}") * depth}}}'
    refined = REFINERY.refine([make_hit(json.dumps({"params": deep, "targets": deep}).encode(),
                                        headers=f"User: {deep}\r\n")])

    assert [] == refined.dead
    assert [({"params": deep, "targets": deep}, {})] == [
        (row["params"], row["targets"]) for row in rows(refined)]


def test_objects_in_text_may_be_as_deep_as_a_body() -> None:
    (row,) = rows(REFINERY.refine([make_hit(
        json.dumps({"params": f'{{"x":{"[" * 63}{"]" * 63}}}'}).encode())]))

    assert ["x"] == list(row["params"])
