"""The whole way: the original's own examples, and what must hold of any event."""

import contextlib
import json
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.refining import (
    NOON_MS,
    SETTINGS,
    VID,
    event_of,
    get,
    make_hit,
    post,
    refine,
    row_of,
    rows,
)
from tracker.columns import BATCH_COLUMNS, From
from tracker.hit import Hit, Shape
from tracker.numerals import read_integer, read_number
from tracker.refine import Refinery
from tracker.refine.coerce import read_flag, read_text
from tracker.refine.ids import canonical
from tracker.refine.names import PERSONAL
from tracker.refine.params import typed_text
from tracker.refine.times import read_time
from tracker.refine.urls import Urls
from tracker.schema.arrow import batch_schema

EXAMPLE: dict[str, Any] = {
    "app": "native", "email": "lalala@aaa.com", "uid": "179ea090-6e8c-11ea-bb89-1d0ba023ecf8",
    "uname": None, "tz": "Europe/Warsaw", "device": "Handset", "os": "iOS 13.4",
    "did": "758152C1-278C-4C80-84A0-CF771B000835", "w": 375, "h": 667,
    "sid": "c1dcf340-6eaa-11ea-a0b8-6120e9776df7", "time": 1585149028377,
    "ename": "filter_results", "etyp": "filter", "ptyp": "own_rooms",
    "vid": "016f2740-6e8c-11ea-9f0b-5d70c66851be",
}


def test_the_originals_path_example_fills_columns_and_params() -> None:
    row = row_of(get(f"/tr/v1/tr/vid/{VID}/ROCK/ON/lat/37.232332/lon/6.32233223/first/true"
                     f"/score/6/ref/{VID}"))

    expected = {"vid": VID, "lat": 37.232332, "lon": 6.32233223, "score": 6.0, "ref": VID,
                "first": True, "params": {"ROCK": "ON"}}
    assert expected == {name: row[name] for name in expected}


def test_the_originals_json_example_is_stored() -> None:
    row = event_of({
        "last": "https://localhost:5001/cw.html", "url": "https://localhost:5001/cw.html",
        "params": {"type": "a", "aff": "Bespoke"}, "created": 1539102052702, "duration": 34752,
        "vid": "3d0be300-cbd2-11e8-aa59-ffd128a54d91", "first": "false", "score": 1,
        "sid": "3d0be301-cbd2-11e8-aa59-ffd128a54d91", "tz": "America/Los_Angeles",
        "device": "Linux", "os": "Linux", "sink": "cw$", "eid": "cw-a", "uid": "admin"})

    assert {"type": "a", "aff": "Bespoke", "eid": "cw-a", "created": 1539102052702} == row["params"]
    assert ("admin", "cw$", "US", 34752, "//localhost:5001/cw.html", NOON_MS) == (
        row["uid"], row["sink"], row["country"], row["duration"], row["url"],
        round(row["created_at"].timestamp() * 1000))


@pytest.mark.parametrize("wrong", [{"rel": 1, "page": 1}, {"rel": "1", "page": "1"}])
def test_the_originals_failed_example_is_stored_like_the_good_one(wrong: dict[str, Any]) -> None:
    row = event_of(EXAMPLE | wrong)

    assert {"page": 1, "time": 1585149028377} == row["params"]
    assert ("1", 375, 667, "758152c1-278c-4c80-84a0-cf771b000835", "PL") == tuple(
        row[name] for name in ("rel", "vp_w", "vp_h", "device_id", "country"))
    assert "" != row["ehash"]


def test_a_servers_revenue_is_a_number_in_params() -> None:
    assert {"revenue": 99.99} == event_of({"revenue": "99.99"})["params"]


names = [key for column in BATCH_COLUMNS for key in (column.name, *column.keys)]
keys = (st.sampled_from([*names, "email", "cell", "uname", "first", "acct", "utm_source", "params"])
        | st.sampled_from(["VID", "Ename", "W", "EMAIL", "a.b", "a", "page", "", "utm_x"])
        | st.text(max_size=6))
scalars = (
    st.none() | st.booleans() | st.integers(-(1 << 66), 1 << 66) | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([VID, VID.upper(), "6", "6.5", "true", "false", str(NOON_MS), NOON_MS,
                       "https://Example.com/a?b#c", "Europe/Warsaw", "2025-11-25T11:00:00Z", 1.5])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3)
                      | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6)
events = st.dictionaries(keys, values, max_size=8)


def encode(event: Any) -> bytes:
    return json.dumps(event).encode()


@st.composite
def odd_hits(draw: st.DrawFn) -> Hit:
    """Hits of every shape, good and broken, under heads of all sorts."""
    target = draw(st.sampled_from([
        "/tr/v1/tr/", "/tr/v1/tr/vid/jar/VID/x/w/wide", "/tr/v1/tr/?utm_source=q&w=5&email=a@b.c"]))
    headers = draw(st.sampled_from([
        "", "Host: A.com\r\nUser-Agent: curl/7\r\n", "Cookie: vid=1; sess=2; CookieConsent=3\r\n",
        'User: {"params":{"a":1,"email":"x"},"did":[1],"E":{"a.b":1,"a":{"b":2}}}\r\n']))
    method = draw(st.sampled_from(["GET", "POST"]))
    body, shape, count = draw(st.one_of(
        events.map(lambda event: (encode(event), Shape.OBJECT, 1)),
        st.lists(events, min_size=1, max_size=3).map(lambda e: (encode(e), Shape.ARRAY, len(e))),
        st.lists(events, min_size=1, max_size=3).map(
            lambda e: (b"\n".join(map(encode, e)), Shape.NDJSON, len(e))),
        st.just((b"", Shape.NONE, 1)), st.just((b"a=1&VID=%zz", Shape.FORM, 1)),
        st.binary(max_size=20).map(lambda raw: (raw, Shape.ARRAY, 2)),
    ))
    return make_hit(body, target=target, method=method, headers=headers, shape=shape, events=count,
                    identity=draw(st.binary(min_size=16, max_size=16)),
                    address=draw(st.sampled_from(["", "1.1.1.1", "::1"])))


REFINERY = Refinery(SETTINGS)


@settings(max_examples=150, deadline=None)
@given(st.lists(odd_hits(), max_size=5))
def test_events_refined_together_are_those_refined_alone(hits: list[Hit]) -> None:
    together = REFINERY.refine(hits)
    alone = [REFINERY.refine([hit]) for hit in hits]

    tables = [batch_schema().empty_table(), *(one.table for one in alone)]
    assert pa.concat_tables(tables).to_pylist() == together.table.to_pylist()
    assert [place for place, one in enumerate(alone) for _ in one.hit] == together.hit.tolist()
    assert [h for one in alone for h in one.body_hash] == together.body_hash.tolist()
    assert sum(len(one.dead) for one in alone) == len(together.dead)


@settings(max_examples=150, deadline=None)
@given(odd_hits())
def test_every_accepted_event_is_a_row_or_a_dead_letter(hit: Hit) -> None:
    refined = REFINERY.refine([hit])

    assert batch_schema() == refined.table.schema
    refined.table.validate(full=True)
    assert {1} == {column.num_chunks for column in refined.table.columns}
    whole = hit.shape is not Shape.ARRAY or hit.body[:1] == b"["
    assert not whole or hit.events <= refined.table.num_rows + len(refined.dead)
    for row in rows(refined):
        assert row["params"].keys().isdisjoint(PERSONAL)


COLUMN_OF = {key: column.name for column in BATCH_COLUMNS if column.source is From.CLIENT
             for key in (column.name, *column.keys)} | {
                 "utm_source": "source", "first": "first", "created": "created_at",
                 "time": "created_at"}
CLEAN = Urls(SETTINGS).clean


def readings(value: Any) -> list[Any]:
    """All that a column may make of a value."""
    readers: list[Any] = [read_number, read_integer, read_flag, read_time]
    made = [value, *(read(value) for read in readers)]
    text = read_text(value)
    if text is not None:
        made += [text, text.strip(), text.strip().upper(), canonical(text), CLEAN(text)]
    if isinstance(value, str) and value.startswith("{"):
        with contextlib.suppress(ValueError):
            made.append(json.loads(value))
    return [reading for reading in made if reading is not None]


def in_column(row: dict[str, Any], key: str, value: Any) -> bool:
    name = COLUMN_OF.get(key) or COLUMN_OF.get(key.lower())
    if name is None:
        return False
    cells = [row[name], row["ename"]] if name == "content" else [row[name]]
    if name == "created_at":
        cells = [round(row[name].timestamp() * 1000)]
    if isinstance(value, dict):
        return name == "targets"
    missing = name in {"vid", "sid"} and canonical(str(value)) == ""
    return missing or any(cell in readings(value) for cell in cells)


def in_params(row: dict[str, Any], key: str, value: Any) -> bool:
    """Under its key, or one with `_` and a number behind it where that was taken."""
    for spelt, kept in row["params"].items():
        if spelt == key or re.fullmatch(re.escape(key) + "_[0-9]*", spelt):
            typed = typed_text(value) if isinstance(value, str) else value
            if isinstance(value, dict | list) or kept in (typed, str(typed)):
                return True
    return False


@settings(max_examples=300, deadline=None)
@given(events)
def test_nothing_sent_is_lost(event: dict[str, Any]) -> None:
    (row,) = rows(REFINERY.refine([post(event)]))

    for key, value in event.items():
        if value is None or value == {} or key.lower() in PERSONAL | {"params"}:
            continue
        assert in_column(row, key, value) or in_params(row, key, value), (key, value, row["params"])


def test_one_event_with_all_spellings_does_not_slow_the_others() -> None:
    spellings = {f"{'D' if n & 1 else 'd'}{'I' if n & 2 else 'i'}{'D' if n & 4 else 'd'}": n
                 for n in range(8)}
    first, second = rows(refine(post(spellings), post({"did": "x"})))

    assert ("0", 7) == (first["device_id"], len(first["params"]))
    assert ("x", {}) == (second["device_id"], second["params"])
