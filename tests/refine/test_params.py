import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.refining import event_of, get, make_hit, refine, row_of
from tracker.refine.params import tidy, typed_text
from tracker.settings import RefineSettings
from tracker.stores.engine import Engine


@pytest.mark.parametrize(("text", "value"), [
    ("99.99", 99.99), ("7", 7), ("-7", -7), ("0", 0), ("0.5", 0.5), ("true", True),
    ("false", False), ("9223372036854775807", (1 << 63) - 1),
    ("01234", "01234"), ("1.50", "1.50"), ("6.0", "6.0"), ("-0", "-0"), ("1e5", "1e5"),
    ("True", "True"), ("nan", "nan"), ("inf", "inf"), ("", ""), (" 7", " 7"), ("+7", "+7"),
    ("9223372036854775808", "9223372036854775808"),
    ("0.1000000000000000055", "0.1000000000000000055"),
    ("٣", "٣"), ("1.", "1."), (".5", ".5"), ("-0.0", "-0.0"), ("1" * 1000, "1" * 1000),
    ("15551234567", 15551234567), ("fancy", "fancy"),
])
def test_text_is_typed_only_where_printing_gives_it_back(text: str, value: Any) -> None:
    typed = typed_text(text)

    assert (type(value), value) == (type(typed), typed)


@given(st.text() | st.floats().map(str) | st.integers().map(str) | st.decimals().map(str))
def test_typed_text_prints_as_it_was(text: str) -> None:
    assert text == json.dumps(typed_text(text), ensure_ascii=False).strip('"') or (
        text == typed_text(text))


def test_unknown_keys_stand_beside_the_clients_params() -> None:
    row = event_of({"Foo": 1, "params": {"A": "B", "n": "7"}, "none": None})

    assert {"Foo": 1, "A": "B", "n": 7} == row["params"]


def test_params_may_be_text_holding_an_object() -> None:
    assert {"go": 6, "x": 1} == event_of({"params": '{"go":"6"}', "x": 1})["params"]


@pytest.mark.parametrize("value", [5, "text", [1], '["a"]', True])
def test_params_that_are_no_object_are_kept_under_their_name(value: Any) -> None:
    assert {"params": value} == event_of({"params": value})["params"]


def test_of_two_values_both_are_kept_and_that_in_params_has_the_name() -> None:
    row = event_of({"page": 1, "page_": 3, "params": {"page": 2}})

    assert {"page": 2, "page_": 3, "page_2": 1} == row["params"]
    assert {"page": 1} == event_of({"page": 1, "params": {"page": 1}})["params"]


def test_copies_of_columns_go_and_other_values_of_their_names_stay() -> None:
    sent = {"ename": "x", "w": 5, "params": {"ename": "x", "w": 5, "etyp": "only here"}}

    assert {"etyp": "only here"} == event_of(sent)["params"]
    assert {"ename": "y"} == event_of({"ename": "x", "params": {"ename": "y"}})["params"]


def test_personal_data_never_stay_in_params() -> None:
    sent = {"params": {"Email": "a@b.c", "cell": "1", "uname": "u", "ehash": "h", "chash": None}}
    row = event_of(sent)

    assert {} == row["params"]
    assert "h" == row["ehash"]
    assert event_of({"cell": "1"})["chash"] == row["chash"] != ""
    assert event_of({"uname": "u"})["uhash"] == row["uhash"] != ""
    assert {} == event_of({"email": "a@b.c", "EMAIL": "other"})["params"]
    assert {} == event_of({"email": ["a@b.c"]})["params"]


@pytest.mark.parametrize(("sent", "column", "value"), [
    ("rel", "rel", ""), ("w", "vp_w", None), ("score", "score", None), ("lat", "lat", None),
    ("cflags", "cflags", 0), ("targets", "targets", {}), ("url", "url", ""), ("tz", "tz", ""),
    ("device", "device", ""), ("country", "country", ""),
])
def test_what_a_column_cannot_hold_is_kept_under_the_name_it_was_sent_by(
        sent: str, column: str, value: Any) -> None:
    row = event_of({sent: ["no"]})

    assert {sent: ["no"]} == row["params"]
    assert value == row[column]


def test_half_a_pixel_is_kept_in_params() -> None:
    row = event_of({"w": 1.5, "h": 6.0, "lat": "37.2", "rel": 1, "score": "6"})

    assert {"w": 1.5} == row["params"]
    assert (None, 6, 37.2, "1", 6.0) == tuple(
        row[name] for name in ("vp_w", "vp_h", "lat", "rel", "score"))


def test_targets_are_an_object() -> None:
    assert {"a": "7"} == event_of({"targets": {"a": "7"}})["targets"]
    assert {"a": 1} == event_of({"targets": '{"a":1}'})["targets"]
    assert {"targets": "x"} == event_of({"targets": "x"})["params"]


def test_nested_objects_are_typed_and_lists_stay_as_they_are() -> None:
    sent = {"a": {"n": "7", "list": ["7", {"m": "8"}]}}

    assert {"a": {"n": 7, "list": ["7", {"m": 8}]}} == event_of(sent)["params"]


def test_values_are_lower_cased_where_that_is_configured() -> None:
    sent = make_hit(b'{"ENAME":"Big","Foo":"BAR","ehash":"AbC="}')
    row = row_of(sent, RefineSettings(lowercase_values=True))

    assert ("big", {"foo": "bar"}, "AbC=") == (row["ename"], row["params"], row["ehash"])
    assert ("Big", {"Foo": "BAR"}) == tuple(row_of(sent)[name] for name in ("ename", "params"))


def test_an_event_without_name_takes_content_for_one() -> None:
    row = event_of({"content": "clicked"})

    assert ("clicked", "") == (row["ename"], row["content"])
    named = row_of(get("/tr/v1/tr/ename/n?utm_content=c"))
    assert ("n", "c") == (named["ename"], named["content"])


ODD_OBJECTS: list[dict[str, Any]] = [
    {"a.b": 1, "a": {"b": 2}}, {"a": {"b": 2}, "a.b": 1}, {"a.": 1, "a": {"": 2}},
    {"a": {"b.c": 1}, "a.b": {"c": 2}}, {"": 1}, {".": 1, "": {"": 2}},
    {"a": [{"b.c": 2, "b": {"c": 3}}]},
    {"a": None, "a.b": {"c": None}}, {"k" * 70_000: 1}, {"a": 1 << 64, "b": -(1 << 63) - 1},
    {"a": [1 << 70, -1.5, True, None, "x", {"z": []}, [[1], ["x"]]]}, {"a": 1e300, "b": -0.0},
    {"nul\0key": "nul\0value"}, {"quote\"`'": "\\"}, {"a": {"b": {}}, "a.b": 2},
    {"2024-01-01T00:00:00Z": "x"},
    {"a.b_": 0, "a.b": 1, "a": {"b": 2, "b_": 3}},
]


def cast(engine: Engine, texts: list[str]) -> list[str]:
    """The texts as ClickHouse prints them after taking them into a JSON column."""
    def literal(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0") + "'"

    array = ",".join(map(literal, texts))
    answer = engine.session().query(f"SELECT arrayJoin([{array}])::JSON", "TSVRaw")
    return str(answer).removesuffix("\n").split("\n")


def leaves(value: Any) -> list[str]:
    """All values that are neither objects, lists nor null, as sorted text."""
    if isinstance(value, dict):
        return sorted(leaf for item in value.values() for leaf in leaves(item))
    if isinstance(value, list):
        return sorted(leaf for item in value for leaf in leaves(item))
    return [] if value is None else [str(value)]


@pytest.mark.parametrize("sent", ODD_OBJECTS)
def test_a_json_column_takes_odd_objects_with_all_their_values(
        sent: dict[str, Any], engine: Engine) -> None:
    text = refine(make_hit(json.dumps(sent).encode())).table["params"][0].as_py()

    (stored,) = cast(engine, [text])

    assert leaves(sent) == leaves(json.loads(text))
    assert len(leaves(sent)) == len(leaves(json.loads(stored)))


keys = (st.sampled_from(["a", "b", "a.b", "b.a", "a.b.c", "c", "", ".", "a_", "a.b_"])
        | st.text(max_size=5))
scalars = (st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.text(max_size=8)
           | st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3)
                      | st.dictionaries(keys, inner, max_size=4), max_leaves=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(keys, values, max_size=5), min_size=1, max_size=40))
def test_a_json_column_takes_any_tidied_object(
        engine: Engine, objects: list[dict[str, Any]]) -> None:
    for event in objects:
        tidy(event)

    assert len(objects) == len(cast(engine, [json.dumps(event) for event in objects]))


def test_too_deep_objects_become_text() -> None:
    deep: dict[str, Any] = {}
    event: dict[str, Any] = {"x": deep}
    for _ in range(200):
        deep["x"] = deep = {}

    tidy(event)

    assert len(json.dumps(event)) > 200 * 5
