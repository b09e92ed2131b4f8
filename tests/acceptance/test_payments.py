"""What payments sent over HTTP come to, as a reader of the tables sees it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from harness.process import TrackerProcess, running


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    with running(tmp_path_factory.mktemp("payments"),
                 Currency={"Base": "EUR", "Rates": {"USD": "0.92"}}) as started:
        yield started


def pay(tracker: TrackerProcess, event: dict[str, Any]) -> int:
    return tracker.request("POST", "/tr/v1/ltv/", json.dumps(event))[0]


def worth(tracker: TrackerProcess, view: str, uid: str) -> list[tuple[str, Decimal]]:
    tracker.flush()
    return [(row["currency"], Decimal(row["revenue"])) for row in tracker.sql(
        f"SELECT currency, toString(revenue) AS revenue FROM sfpla.{view}"
        f" WHERE uid = '{uid}' ORDER BY currency")]


@pytest.mark.server
def test_payments_add_up_exactly_and_a_retry_counts_once(tracker: TrackerProcess) -> None:
    first = {"uid": "anna", "vid": "v1", "amt": "0.1", "currency": "EUR", "orid": "o1"}
    several = {"uid": "anna", "vid": "v1", "payments": [
        {"amt": 0.2, "orid": "o2"}, {"amt": 100, "currency": "usd", "orid": "o3"}]}
    for event in (first, several, several, first, {**first, "amt": "-0.05"}):
        assert 200 == pay(tracker, event)

    assert [("EUR", Decimal("92.25"))] == worth(tracker, "ltv", "anna")
    assert [("EUR", Decimal("92.25"))] == worth(tracker, "ltvu", "anna")
    assert 5 == int(tracker.value("SELECT count() FROM sfpla.events WHERE uid = 'anna'"))
    assert 4 == int(tracker.value("SELECT count() FROM sfpla.payments FINAL WHERE uid = 'anna'"))


@pytest.mark.server
def test_a_currency_without_a_rate_stands_by_itself(tracker: TrackerProcess) -> None:
    assert 200 == pay(tracker, {"uid": "berta", "payments": [
        {"amt": 5, "currency": "CHF", "id": "1"}, {"amt": 7, "currency": "EUR", "id": "2"}]})

    assert [("CHF", Decimal(5)), ("EUR", Decimal(7))] == worth(tracker, "ltvu", "berta")


@pytest.mark.server
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(tracker: TrackerProcess) -> None:
    before = tracker.value("SELECT count() FROM sfpla.payments")

    status, _, answer = tracker.request("POST", "/tr/v1/ltv/", '{"uid":"c","amt":"12,50"}')

    assert 400 == status
    assert {"error": {"code": "bad_amount", "field": "amt", "message":
                      '`amt` is "12,50": that is no number; write it as 1234.56.'}
            } == json.loads(answer)
    tracker.flush()
    assert before == tracker.value("SELECT count() FROM sfpla.payments")


@pytest.mark.server
def test_a_thousand_items_land(tracker: TrackerProcess) -> None:
    items = [{"amt": "1.0001", "id": f"k{n}", "product": f"p{n}", "qty": 1, "currency": "EUR"}
             for n in range(1000)]
    assert 200 == pay(tracker, {"uid": "dora", "payments": items})

    assert [("EUR", Decimal("1000.1"))] == worth(tracker, "ltvu", "dora")
