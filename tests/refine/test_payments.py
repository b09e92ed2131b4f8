"""Payments: line items as they are sent, and the rows of `payments` that they become."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.refining import EVENT_ID_TEXT, SETTINGS, VID, get, post, row_of
from tracker.columns import Kind
from tracker.hit import Route
from tracker.money import AMOUNTS, read_amount
from tracker.schema.tables.users import PAYMENTS_FED
from tracker.settings import RefineSettings

EURO = replace(SETTINGS, base_currency="EUR",
               rates={"USD": Decimal("0.92"), "JPY": Decimal("0.00581")})


def items(event: dict[str, Any], settings: RefineSettings = SETTINGS) -> list[dict[str, Any]]:
    """The line items of a posted payment."""
    row = row_of(post(event, target="/tr/v1/ltv/", route=Route.LTV), settings)
    made: list[dict[str, Any]] = json.loads(row["extra"])
    return made


def test_a_payment_is_an_event_of_a_server_called_payment() -> None:
    row = row_of(post({"uid": "user-123", "amt": 35}, route=Route.LTV))

    assert ("payment", "payment", True, "user-123") == (
        row["kind"], row["etyp"], row["server"], row["uid"])
    assert {"amt": 35} == row["params"]


def test_any_other_event_is_a_plain_one() -> None:
    row = row_of(post({"amt": 35}))

    assert ("", "", "") == (row["kind"], row["extra"], row["etyp"])


def test_a_payment_may_say_its_own_type() -> None:
    assert "renewal" == row_of(post({"etyp": "renewal"}, route=Route.LTV))["etyp"]


def test_one_payment_is_one_item() -> None:
    (item,) = items({"vid": VID, "uid": "user-123", "amt": 99.99, "currency": "usd",
                     "orid": "order-123"})

    assert {"id": "order-123:0", "orid": "order-123", "revenue": "99.9900", "currency": "USD",
            "worth": "99.9900", "worth_currency": "USD", "vid": VID,
            "paid_at": "2025-11-25 12:00:00.000", "updated_at": "2025-11-25 12:00:00.000"} == item


def test_a_list_of_payments_is_an_item_each() -> None:
    made = items({"vid": VID, "payments": [{"amt": 50.00, "orid": "order-124"},
                                           {"amt": 25, "orid": "order-125"}, "none"]})

    assert [("order-124:0", "50.0000"), ("order-125:0", "25.0000")] == [
        (item["id"], item["revenue"]) for item in made]


def test_a_refund_of_an_order_is_an_item_of_its_own() -> None:
    made = items({"orid": "o1", "payments": [{"amt": 50}, {"amt": -20}, {"amt": -5}]})

    assert ["o1:0", "o1:refund:0", "o1:refund:1"] == [item["id"] for item in made]


def test_an_order_sent_again_without_the_others_keeps_its_item() -> None:
    both = items({"payments": [{"amt": 1, "orid": "a"}, {"amt": 2, "orid": "b"}]})

    assert both[1]["id"] == items({"amt": 2, "orid": "b"})[0]["id"]


def test_an_invoice_stands_for_an_order_that_is_not_named() -> None:
    assert "i7:0" == items({"invid": "i7", "amt": 1})[0]["id"]


def test_items_take_their_currency_from_the_payment_they_are_in() -> None:
    made = items({"currency": "chf", "payments": [{"amt": 1}, {"amt": 2, "currency": "EUR"}]})

    assert ["CHF", "EUR"] == [item["currency"] for item in made]


@pytest.mark.parametrize(("event", "expected"), [
    ({"amt": 100, "currency": "USD"}, ("USD", "92.0000", "EUR")),
    ({"amt": -100, "currency": "USD"}, ("USD", "-92.0000", "EUR")),
    ({"amt": 100, "currency": "EUR"}, ("EUR", "100.0000", "EUR")),
    ({"amt": 100}, ("EUR", "100.0000", "EUR")),
    ({"amt": 100, "currency": "CHF"}, ("CHF", "100.0000", "CHF")),
    ({"amt": 50, "currency": "JPY"}, ("JPY", "0.2905", "EUR")),
    ({"amt": "0.0005", "currency": "USD"}, ("USD", "0.0005", "EUR")),
])
def test_with_a_base_currency_what_has_a_rate_counts_in_it(
    event: dict[str, Any], expected: tuple[str, str, str],
) -> None:
    (item,) = items(event, EURO)

    assert expected == (item["currency"], item["worth"], item["worth_currency"])


def test_what_would_be_too_large_in_the_base_currency_stays_in_its_own() -> None:
    settings = replace(EURO, rates={"USD": Decimal(1000)})
    (item,) = items({"amt": 10**13, "currency": "USD"}, settings)

    assert ("10000000000000.0000", "USD") == (item["worth"], item["worth_currency"])


def test_the_amounts_that_are_checked_are_those_that_are_kept() -> None:
    kept = {column.name for column in PAYMENTS_FED.own if column.kind is Kind.MONEY}

    assert {*AMOUNTS, "worth"} == kept


def test_items_of_one_order_are_told_apart_by_their_place() -> None:
    made = items({"orid": "o1", "payments": [{"amt": 1}, {"amt": 2}, {"amt": 3, "id": "own"}]})

    assert [("o1:0", "o1"), ("o1:1", "o1"), ("own", "o1")] == [
        (item["id"], item["orid"]) for item in made]


def test_an_item_without_order_is_known_by_its_event() -> None:
    assert f"{EVENT_ID_TEXT}:0" == items({"amt": 1})[0]["id"]


def test_no_visitor_is_made_up_for_a_payment() -> None:
    assert {"vid", "sid"}.isdisjoint(items({"uid": "u", "amt": 1})[0])


def test_a_payment_may_come_by_link() -> None:
    row = row_of(get("/tr/v1/ltv/uid/u1/amt/12.50/orid/o9", route=Route.LTV))

    (item,) = json.loads(row["extra"])
    assert ("o9:0", "12.5000") == (item["id"], item["revenue"])


@pytest.mark.parametrize(("sent", "read"), [
    (35, "35.0000"), (99.99, "99.9900"), ("0.00005", "0.0000"), ("1e3", "1000.0000"),
    (-20.5, "-20.5000"), (" 7 ", "7.0000"), ("123456789012.1234", "123456789012.1234"),
    (0.1 + 0.2, "0.3000"), ("abc", None), ("", None), (None, None), ([1], None), ({}, None),
    ("nan", None), ("Infinity", None), (1e300, None), (10**14, None), ("1_000", None),
    (True, None), ("\u0661", None), ("99999999999999.99999", None),
])
def test_amounts_are_exact(sent: Any, read: str | None) -> None:
    assert read == read_amount(sent)


@given(st.decimals(min_value=-10**13, max_value=10**13, places=4))
def test_an_amount_of_four_decimals_is_kept_as_it_is(amount: Decimal) -> None:
    assert amount == Decimal(read_amount(str(amount)) or "nan")


@given(st.text(max_size=80) | st.floats() | st.integers())
def test_whatever_comes_as_an_amount_is_one_or_none(value: Any) -> None:
    read = read_amount(value)

    assert read is None or abs(Decimal(read)) < 10**14
