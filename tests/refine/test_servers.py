"""Lines of logs, counts and updates of services become rows that are no events."""

import json
from typing import Any

import pytest

from harness.refining import EVENT_ID_TEXT, post, refine, row_of, rows
from tracker.hit import Hit, Route
from tracker.settings import RefineSettings


def sent(route: Route, values: Any) -> Hit:
    return post(values, target=f"/tr/v1/{route.name.lower()}", route=route)


def own(route: Route, values: dict[str, Any], **settings: Any) -> dict[str, Any]:
    row = row_of(sent(route, values), RefineSettings(private_key=b"k", **settings))
    (made,) = json.loads(row["extra"])
    return {**made, "kind": row["kind"]}


def test_a_line_has_its_columns_and_params_the_rest() -> None:
    row = row_of(sent(Route.LOG, {
        "msg": "m", "Level": "warn", "ltime": "2025-11-25T11:00:00.123456789Z", "topic": "t",
        "name": "n", "host": "h", "hostname": "hn", "owner": "o", "oid": "org1", "app": "shop",
        "url": "https://a/b", "user": {"id": 1}, "params": {"x": "5"}, "tid": "t1"}))

    assert ("log", "org1", "8.8.8.8") == (row["kind"], row["oid"], row["ip"])
    assert {"app": "shop", "url": "https://a/b", "user": {"id": 1}, "x": 5, "tid": "t1"
            } == row["params"]
    assert [{"topic": "t", "name": "n", "host": "h", "hostname": "hn", "owner": "o", "msg": "m",
             "id": EVENT_ID_TEXT, "ldate": "2025-11-25", "level": 4,
             "ltime": "2025-11-25 11:00:00.123456789"}] == json.loads(row["extra"])


def test_a_line_without_a_time_has_that_of_its_receipt() -> None:
    assert {"msg": "m", "id": EVENT_ID_TEXT, "ldate": "2025-11-25", "kind": "log",
            "ltime": "2025-11-25 12:00:00.000"} == own(Route.LOG, {"msg": "m"})


def test_the_day_of_a_line_is_that_of_its_row() -> None:
    made = own(Route.LOG, {"msg": "m", "time": "2025-11-24T23:00:00Z",
                           "ltimenss": "1769903999123456789"})

    assert ("2025-11-24", "2026-01-31 23:59:59.123456789") == (made["ldate"], made["ltime"])


def test_personal_values_of_a_line_are_not_kept() -> None:
    row = row_of(sent(Route.LOG, {"msg": "m", "email": "a@b.example", "params": {"cell": "1"}}))

    assert {} == row["params"]


@pytest.mark.parametrize(("values", "made"), [
    ({"id": "a"}, {"id": "a", "total": 1, "day": "2025-11-25"}),
    ({"ID": "a", "By": 7, "day": "2024-02-29"}, {"id": "a", "total": 7, "day": "2024-02-29"})])
def test_a_count_says_what_by_how_much_and_when(values: Any, made: Any) -> None:
    assert made | {"kind": "counter"} == own(Route.COUNT, values)


@pytest.mark.parametrize(("updated", "moment"), [
    (None, "2025-11-25 12:00:00.000"), ("1764071999123", "2025-11-25 11:59:59.123"),
    ("2025-11-24T01:02:03.004Z", "2025-11-24 01:02:03.004"),
    ("2999-01-01T00:00:00Z", "2025-11-25 12:00:00.000")])
def test_an_update_is_as_old_as_it_says_and_never_of_the_future(updated: Any, moment: str) -> None:
    assert {"id": "a", "msg": "m", "updated_at": moment, "kind": "update"} == own(
        Route.UPDATE, {"id": "a", "msg": "m", "updated": updated})


def test_messages_and_events_of_one_batch_keep_apart() -> None:
    found = rows(refine(sent(Route.COUNT, [{"id": "a"}, {"id": "b"}]), post({"ename": "x"}),
                        sent(Route.LOG, {"msg": "m", "ename": "y"})))

    assert ["counter", "counter", "", "log"] == [row["kind"] for row in found]
    assert ["", "", "x", ""] == [row["ename"] for row in found]


def test_they_need_no_account_of_a_host() -> None:
    assert "counter" == own(Route.COUNT, {"id": "a"}, account_hash_mixer="m")["kind"]
