"""Values of every wrong type and odd name: each event lands, and nothing of it is lost."""

import json
import uuid
from typing import Any

import pytest

from harness.attack import Goods, check_sums, event, landed, new_eid, post
from harness.process import TrackerProcess, running
from harness.worker import Client
from tracker.columns import EVENT_COLUMNS, From, Kind

pytestmark = pytest.mark.server

COLUMNS = [column for column in EVENT_COLUMNS if column.source is From.CLIENT]
ODD: dict[str, Any] = {
    "text": "a wrong text", "whole": 7, "real": 1.5, "flag": True, "none": None,
    "list": [1, "two", None], "object": {"deep": {"er": [1]}}, "large": 10**400, "minus": -(2**70),
    "small": 1e-300, "empty": "", "nul": "a\0b", "long": "x" * 70_000, "smile": "\U0001f600",
}


def sent(tracker: TrackerProcess, body: str, status: int = 200) -> None:
    with Client(tracker.port) as client:
        answer = client.ask(post(body))
        assert status == answer.status, answer.body


def params(tracker: TrackerProcess, mark: str) -> dict[str, Any]:
    tracker.flush()
    rows = tracker.sql("SELECT toString(params) AS p FROM sfpla.events"
                       " WHERE params.k = {mark:String}", mark=mark)
    assert 1 == len(rows), mark
    return dict(json.loads(rows[0]["p"]))


@pytest.mark.parametrize("odd", ODD)
def test_a_column_with_a_value_of_the_wrong_type_lands(tracker: TrackerProcess, goods: Goods,
                                                       odd: str) -> None:
    named = [column for column in COLUMNS if column.kind is not Kind.JSON]
    if odd == "long":
        named = named[:20]
    events = [event(f"{odd}-{column.name}") | {column.name: ODD[odd]} for column in named]
    sent(tracker, json.dumps(events))
    goods.send()
    tracker.flush()
    found = landed(tracker, f"{odd}-%")
    assert {f"{odd}-{column.name}": 1 for column in named} == found
    if odd in {"list", "object", "text"}:
        rows = tracker.sql("SELECT params.k::String AS k, toString(params) AS p FROM sfpla.events"
                           " WHERE params.k::String LIKE {like:String}", like=f"{odd}-%")
        kept = {str(row["k"]).partition("-")[2]: json.loads(row["p"]) for row in rows}
        for column in named:
            if odd != "text" or column.kind in {Kind.INTEGER, Kind.NUMBER, Kind.MASK, Kind.FLAG}:
                assert column.name in kept[column.name], column.name


@pytest.mark.parametrize("odd", ["text", "whole", "list", "none", "flag"])
def test_params_and_targets_of_the_wrong_type_land(tracker: TrackerProcess, odd: str) -> None:
    before = tracker.value("SELECT count() FROM sfpla.events")
    sent(tracker, json.dumps([{"params": ODD[odd]}, {"targets": ODD[odd]}]))
    tracker.flush()
    assert before + 2 == tracker.value("SELECT count() FROM sfpla.events")


def test_params_with_odd_keys_land_and_are_found(tracker: TrackerProcess, goods: Goods) -> None:
    odd = {"a.b": 1, "": 2, " ": 3, "x" * 20_000: 4, "ключ": 5, "a`b": 6, "a'b\"": 7, "a\\b": 8,
           "a\0b": 9, ".": 10, "..": 11, "a.": 12, ".a": 13, "new\nline": 14, "%41": 15,
           "nest": {"a.b": {"": {"c": [{"d": 1}, {"d": "two"}]}}}}
    events = [event(f"key-{at}", params={key: value})
              for at, (key, value) in enumerate(odd.items())]
    sent(tracker, json.dumps([*events, event("key-all", params=odd)]))
    goods.send()
    tracker.flush()
    found = landed(tracker, "key-%")
    assert {1} == set(found.values())
    assert len(odd) + 1 == len(found)


def test_a_path_that_params_name_twice_lands(tracker: TrackerProcess) -> None:
    sent(tracker, json.dumps([event("twice-1", params={"a.b": 1, "a": {"b": 2}}),
                              event("twice-2", params={"a": 1, "a.b": 2}),
                              event("twice-3", params={"a": {"b": {"c": 1}}, "a.b": [1]})]))
    tracker.flush()
    assert {"twice-1": 1, "twice-2": 1, "twice-3": 1} == landed(tracker, "twice-%")


def test_values_of_a_key_that_change_their_type_from_event_to_event_land(
    tracker: TrackerProcess,
) -> None:
    values = [1, -1, 1.5, "text", True, None, [1], ["a"], [[1]], [{"a": 1}], {"a": 1}, 2**63,
              2**64, -(2**63), 10**30, "2026-01-01", "01", "", [], {}]
    sent(tracker, json.dumps([event(f"type-{at}", params={"v": value})
                              for at, value in enumerate(values)]))
    tracker.flush()
    assert len(values) == len(landed(tracker, "type-%"))


@pytest.mark.parametrize(("body", "name", "kept"), [
    ('{"params":{"k":"num-1","v":18446744073709551616}}', "v", None),
    ('{"params":{"k":"num-2","v":1e400}}', "v", None),
    ('{"params":{"k":"num-3","v":1e-400}}', "v", None),
    ('{"params":{"k":"num-4","v":-0.0}}', "v", None),
    ('{"params":{"k":"num-5"},"score":1e999}', "score", None),
    ('{"params":{"k":"num-6"},"ver":99999999999999999999}', "ver", None),
    ('{"params":{"k":"num-7","v":"\\ud83d"}}', "v", "�"),
    ('{"params":{"k":"num-8","v":"a\\u0000b"}}', "v", "a\0b"),
])
def test_numbers_and_text_at_the_edge_of_json_are_kept(
    tracker: TrackerProcess, body: str, name: str, kept: str | None,
) -> None:
    sent(tracker, body)
    found = params(tracker, json.loads(body)["params"]["k"])
    assert name in found
    if kept is not None:
        assert kept == found[name]


def test_a_key_that_stands_twice_counts_once(tracker: TrackerProcess) -> None:
    sent(tracker, '{"ename":"one","ename":"two","params":{"k":"dup","a":1,"a":2}}')
    assert 1 == landed_one(tracker, "dup")


def landed_one(tracker: TrackerProcess, mark: str) -> int:
    tracker.flush()
    return landed(tracker, mark).get(mark, 0)


def test_a_text_of_a_megabyte_lands_whole(tracker: TrackerProcess) -> None:
    text = "é" * 500_000
    sent(tracker, json.dumps(event("long", params={"text": text}, ename=text), ensure_ascii=False))
    assert text == params(tracker, "long")["text"]


def test_a_byte_order_mark_is_passed_over(tracker: TrackerProcess) -> None:
    sent(tracker, "\ufeff" + json.dumps(event("bom")))
    assert 1 == landed_one(tracker, "bom")


@pytest.mark.parametrize("eid", [
    "cw-a", "", 7, None, [1], {"a": 1}, "x" * 70_000, "00000000-0000-0000-0000-000000000000",
    "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", "a\0b",
], ids=lambda value: repr(value)[:20])
def test_an_eid_that_is_no_uuid_does_not_make_events_equal(tracker: TrackerProcess,
                                                           eid: Any) -> None:
    mark = f"noid-{uuid.uuid4().hex}"
    for _ in range(2):
        sent(tracker, json.dumps(event(mark) | {"eid": eid}))
    assert 2 == landed_one(tracker, mark)


@pytest.mark.parametrize("created", [
    0, -1, 1, 10**18, -(10**18), 2**63, 10**30, "garbage", "9999-99-99T99:99:99Z",
    "0000-00-00", "", None, [], {}, True, 1e308, -1e308, "1e5", "2026-02-30T00:00:00Z",
    "+10000-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "2299-12-31T23:59:59Z",
], ids=lambda value: repr(value)[:22])
def test_a_created_of_any_kind_lands_dated_within_the_limits(tracker: TrackerProcess,
                                                             created: Any) -> None:
    mark = f"created-{uuid.uuid4().hex}"
    sent(tracker, json.dumps(event(mark) | {"created": created}))
    assert 1 == landed_one(tracker, mark)
    assert 0 == tracker.value(
        "SELECT count() FROM sfpla.events WHERE params.k = {mark:String}"
        " AND abs(dateDiff('second', created_at, received_at)) > 604800", mark=mark)


def test_a_batch_over_hundreds_of_months_lands_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(tmp_path_factory.mktemp("months"), CreatedPastSeconds=0, Workers=1) as tracker:
        month = 31 * 86_400_000
        for start in (0, 1):
            sent(tracker, json.dumps([
                event(f"month-{start}-{number}") | {"created": -2_208_000_000_000 + number * month}
                for number in range(150)]))
        tracker.flush()
        assert 300 == len(landed(tracker, "month-%"))
        check_sums(tracker, 300)


def test_an_eid_repeated_anywhere_lands_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    first, within, across = new_eid(), new_eid(), new_eid()
    with running(tmp_path_factory.mktemp("eid"), Workers=2) as tracker:
        sent(tracker, json.dumps([event("in-one-body") | {"eid": within} for _ in range(3)]))
        for _ in range(6):  # at either worker, in one batch and in later ones
            sent(tracker, json.dumps(event("across") | {"eid": across}))
        tracker.flush()
        sent(tracker, json.dumps(event("across") | {"eid": across.upper()}))
        sent(tracker, json.dumps(event("restart") | {"eid": first}))
        assert 0 == tracker.stop()
        tracker.start()
        sent(tracker, json.dumps(event("restart") | {"eid": first.replace("-", "")}))
        sent(tracker, json.dumps(event("other-body") | {"eid": first}))
        tracker.kill()
        tracker.start()
        sent(tracker, json.dumps(event("restart") | {"eid": f"{{{first}}}"}))
        tracker.flush()
        assert {"in-one-body": 1, "across": 1, "restart": 1} == landed(tracker)
        check_sums(tracker, 3)
        assert 11 == tracker.value("SELECT sum(duplicates) FROM sfpla.accounting")
        assert 1 <= tracker.value("SELECT sum(conflicts) FROM sfpla.accounting")
