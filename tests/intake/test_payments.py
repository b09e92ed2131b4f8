"""Payments at the door: what cannot be kept exactly is refused, and the answer says why."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake import Client, Outcome
from tracker.intake.payments import MOST_ITEMS

LTV = "/tr/v1/ltv/"


def pay(event: Any, **headers: str) -> Outcome:
    return Client().post(json.dumps(event), LTV, **headers)


def refused(outcome: Outcome) -> tuple[str, str, str]:
    """Code, field and message of a refusal."""
    assert 400 == outcome.status
    assert outcome.hit is None
    error = outcome.json["error"]
    return error["code"], error["field"], error["message"]


@pytest.mark.parametrize("amount", [
    99.99, 35, -20.5, "99.99", " 7 ", "-0.0001", 0, 0.1 + 0.2, 3 * 19.99, 1e3, "1e3", None, "",
    99999999999999, "99999999999999.9999", 12345678901.25, "1.50000000",
])
def test_an_amount_that_can_be_kept_is_taken(amount: Any) -> None:
    assert 200 == pay({"uid": "u", "amt": amount}).status


@pytest.mark.parametrize(("amount", "says"), [
    ("abc", '`amt` is "abc": that is no number; write it as 1234.56.'),
    ("12,50", '`amt` is "12,50": that is no number; write it as 1234.56.'),
    ("nan", '`amt` is "nan": that is no number; write it as 1234.56.'),
    (True, "`amt` is true: that is no number; write it as 1234.56."),
    ([1], "`amt` is an array: that is no number; write it as 1234.56."),
    (10**14, ("`amt` is 100000000000000: that is too large;"
             " an amount has at most 14 digits before the point.")),
    (-1e300, ("`amt` is -1e+300: that is too large;"
             " an amount has at most 14 digits before the point.")),
    ("99999999999999.99995", ('`amt` is "99999999999999.99995": that is too large;'
             " an amount has at most 14 digits before the point.")),
    (0.12345, "`amt` is 0.12345: that has more than 4 decimals; round it."),
    ("0.00001", '`amt` is "0.00001": that has more than 4 decimals; round it.'),
])
def test_an_amount_that_cannot_be_kept_is_named(amount: Any, says: str) -> None:
    assert ("bad_amount", "amt", says) == refused(pay({"uid": "u", "amt": amount}))


def test_a_number_that_json_readers_round_is_to_be_sent_as_text() -> None:
    code, field, says = refused(Client().post(b'{"total":12345678901234.1234}', LTV))

    assert ("bad_amount", "total") == (code, field)
    assert says.endswith("has more digits than a JSON number keeps; send it as a text.")


@pytest.mark.parametrize("number", ["1e400", "9" * 5000, "-1e-400"])
def test_a_number_beyond_all_bounds_is_refused(number: str) -> None:
    assert "bad_amount" == refused(Client().post(f'{{"amt":{number}}}', LTV))[0]


@pytest.mark.parametrize("name", ["revenue", "price", "tax", "Total", "payment", "FEES"])
def test_every_amount_is_looked_at_in_any_spelling(name: str) -> None:
    assert ("bad_amount", name) == refused(pay({name: "x"}))[:2]


@pytest.mark.parametrize("name", ["qty", "tax_rate"])
def test_a_quantity_must_be_a_number(name: str) -> None:
    assert 200 == pay({name: "0.123456"}).status
    assert ("bad_amount", name) == refused(pay({name: "two"}))[:2]


@pytest.mark.parametrize("currency", ["USD", "eur", " CHF ", "JPY"])
def test_a_currency_of_iso_4217_is_taken_in_any_case(currency: str) -> None:
    assert 200 == pay({"amt": 1, "currency": currency}).status


@pytest.mark.parametrize("currency", ["XYZ", "dollar", "€", 978, ["EUR"]])
def test_an_unknown_currency_is_refused(currency: Any) -> None:
    code, field, says = refused(pay({"amt": 1, "currency": currency}))

    assert ("bad_currency", "currency") == (code, field)
    assert says.endswith("which is no currency of ISO 4217; write its code, such as EUR.")


def test_the_fault_of_an_item_is_named_by_its_place() -> None:
    items = [{"amt": 1}, {"amt": 2}, {"amt": "x"}]

    assert ("bad_amount", "payments[2].amt") == refused(pay({"payments": items}))[:2]
    assert ("bad_currency", "payments[0].currency") == refused(
        pay({"payments": [{"amt": 1, "currency": "QQQ"}]}))[:2]


@pytest.mark.parametrize("payments", [{"amt": 1}, 5, "[]", True])
def test_payments_must_be_an_array(payments: Any) -> None:
    assert ("bad_payments", "payments", "`payments` must be an array of JSON objects.") == refused(
        pay({"payments": payments}))


def test_each_of_the_payments_must_be_an_object() -> None:
    assert ("bad_payments", "payments[1]", "`payments[1]` must be a JSON object.") == refused(
        pay({"payments": [{"amt": 1}, 2]}))


@pytest.mark.parametrize("payments", [[], None])
def test_no_payments_are_as_none_named(payments: Any) -> None:
    assert 200 == pay({"amt": 1, "payments": payments}).status


def test_a_thousand_payments_are_taken_at_once_and_not_one_more() -> None:
    item = {"amt": 1.25, "currency": "EUR", "orid": "o", "product": "p", "qty": 1}
    whole = pay({"uid": "u", "payments": [item] * MOST_ITEMS})
    more = pay({"uid": "u", "payments": [item] * (MOST_ITEMS + 1)})

    assert 200 == whole.status
    assert ("too_many_payments", "payments",
            "The request holds more than 1000 payments; send them in parts.") == refused(more)


def test_payments_of_all_events_of_a_request_count_together() -> None:
    assert "too_many_payments" == refused(pay([{"amt": 1}] * (MOST_ITEMS + 1)))[0]


def test_neither_an_event_nor_an_item_has_more_keys_than_it_may() -> None:
    assert "too_many_keys" == refused(pay({f"k{n}": n for n in range(2_001)}))[0]
    assert ("too_many_keys", "payments[0]") == refused(
        pay({"payments": [{f"k{n}": n for n in range(41)}]}))[:2]


def test_of_a_batch_what_can_be_kept_is_taken() -> None:
    outcome = pay([{"amt": 1}, {"amt": "x"}, {"payments": [{"amt": 1}, {"tax": "y"}]}])

    assert 207 == outcome.status
    assert outcome.hit is not None
    assert (1, (1, 2)) == (outcome.hit.events, outcome.hit.refused)
    assert [("bad_amount", "[1].amt"), ("bad_amount", "[2].payments[1].tax")] == [
        (fault["code"], fault["field"]) for fault in outcome.json["rejected"]]


def test_a_batch_of_which_nothing_can_be_kept_is_refused() -> None:
    code, field, says = refused(pay([{"amt": "x"}, {"amt": "y"}]))

    assert ("bad_amount", "[0].amt") == (code, field)
    assert says.startswith("None of the 2 events can be taken; the first: ")


@pytest.mark.parametrize("target", [
    "/tr/v1/ltv/uid/u/amt/x", "/tr/v1/ltv/?amt=x", "/tr/v1/ltv/?utm_amt=x", "/tr/v1/ltv/AMT/x",
])
def test_a_link_is_looked_at_too(target: str) -> None:
    assert "bad_amount" == refused(Client().get(target))[0]


def test_a_form_is_looked_at_too() -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}

    assert 200 == Client().post("uid=u&amt=12.50&tax=", LTV, **form).status
    assert "bad_amount" == refused(Client().post("uid=u&amt=x", LTV, **form))[0]
    assert "bad_payments" == refused(Client().post("payments=[]", LTV, **form))[0]


def test_other_routes_take_what_they_did() -> None:
    assert 200 == Client().post(b'{"amt":"abc","currency":1,"payments":5}').status


@given(st.dictionaries(st.sampled_from(["amt", "currency", "payments", "qty", "x"]),
                       st.recursive(st.none() | st.booleans() | st.integers() | st.text()
                                    | st.floats(allow_nan=False, allow_infinity=False),
                                    lambda inner: st.lists(inner, max_size=3)
                                    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                                    max_leaves=6)))
def test_whatever_comes_is_taken_or_refused_with_a_field(event: dict[str, Any]) -> None:
    outcome = pay(event)

    assert outcome.status == 200 or outcome.json["error"]["field"]
