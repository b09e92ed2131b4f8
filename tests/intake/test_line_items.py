"""Payments: what a small body would blow up to is refused before the answer."""

import json

import pytest

from harness.intake import Client
from tracker.hit import Shape
from tracker.lineitems import MOST_OBJECTS, MOST_REPEATED, Items, items_of

LTV = "/tr/v1/ltv/"


def order(items: int, **values: object) -> dict[str, object]:
    """An order of line items that say nothing, as an event may have 2,000 keys in all."""
    return {**values, "payments": [{}] * items}


@pytest.mark.parametrize("body", [
    json.dumps(order(1000, orid="o")),
    json.dumps([order(100, orid="o")] * 10),
    json.dumps({"orid": "o" * (1 << 20), "payments": [{"revenue": 1}]}),
    "\n".join([json.dumps(order(3))] * 100), '{"vid":"{{{{{"}', "revenue=1",
])
def test_sensible_payments_are_taken(body: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"} if "=" in body else {}

    assert 200 == Client().send("POST", LTV, body, form).status


@pytest.mark.parametrize("body", [
    json.dumps({"Payments": [{}], **order(MOST_OBJECTS)}),
    json.dumps(order(1000, orid="o" * (MOST_REPEATED // 1000))),
])
def test_too_many_line_items_or_too_much_beside_them_is_refused(body: str) -> None:
    assert "too_many_items" == Client().send("POST", LTV, body).error


def test_a_long_query_counts_for_each_line_item() -> None:
    target = f"{LTV}?orid={'o' * 6000}"

    assert "too_many_items" == Client().send("POST", target, json.dumps(order(1000)) + " ").error
    assert 200 == Client().send("POST", target, json.dumps(order(500))).status


def test_what_is_no_event_among_payments_counts_nothing() -> None:
    assert 207 == Client().send("POST", LTV, json.dumps([order(3), 5])).status


def test_events_elsewhere_may_hold_as_many_objects_as_they_like() -> None:
    assert 200 == Client().send("POST", "/tr/v1/tr/", json.dumps(order(MOST_OBJECTS + 1))).status


def test_what_line_items_repeat_is_their_event_without_them() -> None:
    body = b'{"orid":"12345","payments":[{},{},{"x":{}}]}'

    assert Items(4, 4 * (100 + 4 + 7)) == items_of(body, Shape.OBJECT, 100)
    assert Items(0, 0) == items_of(b'{"payments":[{}]}', Shape.OBJECT, 100)
    assert Items(8, 8 * (4 + 7)) == items_of(b"[%b,7,%b]" % (body, body), Shape.ARRAY, 0)
