"""What every store that keeps events must do, whatever is behind it."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from harness.batches import NOON, make_batch
from harness.kept import SUMMED, VISIT, Kept, KeptByChdb
from tracker.batch import Batch
from tracker.schema.tables import DERIVED

Make = Callable[..., Batch]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Makes sealed batches."""
    return lambda n, rows, **account: make_batch(tmp_path, n, rows, **account)


SERVER = VISIT | {"server": True}

ONCE = {
    "hits": 1, "reqs": 1, "ips": 1, "dailies": 1, "referrers": 1, "browsers": 1, "outcomes": 1,
    "counters": 1, "hosts": 1, "userhosts": 1, "emails": 1, "cells": 1, "usernames": 1,
}


PAYMENT = VISIT | {"kind": "payment", "server": True, "extra": json.dumps([
    {"id": "o1:0", "orid": "o1", "revenue": "50.0000", "currency": "USD", "vid": "v1",
     "paid_at": "2026-03-01 12:00:00.000", "updated_at": "2026-03-01 12:00:00.000"},
    {"id": "o1:1", "orid": "o1", "revenue": "0.1000", "qty": 2.5, "currency": "USD", "vid": "v1",
     "product": "it's \"new\", \\ really", "updated_at": "2026-03-01 12:00:00.000"}])}

LINE = {"kind": "log", "oid": "o1", "params": {"a": 1}, "extra": json.dumps([
    {"id": "l1", "ldate": "2026-03-01", "ltime": "2026-03-01 12:00:00.123456789", "level": 3,
     "topic": "t", "msg": "it's \"new\""}])}


def said(thread: dict[str, Any], message: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """An event of a thread."""
    message = {"mid": "m1", "updated_at": "2026-03-01 12:00:00.000", **message}
    return {"kind": "message", "oid": "o1", "tid": "t1", **columns,
            "extra": json.dumps([thread | message])}


def link(urlto: str, moment: str, **values: Any) -> dict[str, Any]:
    """A change of the short URL go.example/s."""
    return {"kind": "link", "oid": "o1", "hhash": "h", "extra": json.dumps([
        {"key": "go.example/s", "urlfrom": "https://go.example/s", "hostfrom": "go.example",
         "slugfrom": "/s", "urlto": urlto, "hostto": "", "pathto": "", "searchto": "",
         "updater": "anna", "created_at": "2026-03-01 12:00:00.000", "updated_at": moment}]),
        **values}


def counts(kept: Kept) -> dict[str, int]:
    """How much each derived table says happened."""
    found = {}
    for derived in DERIVED:
        name = derived.table.name
        what = "coalesce(sum(total), 0)" if name in SUMMED else "count(*)"
        found[name] = int(kept.rows(f"SELECT {what} AS n FROM sfpla.{name}")[0]["n"])
    return found


def events(kept: Kept) -> int:
    return int(kept.rows("SELECT count(*) AS n FROM sfpla.events")[0]["n"])


def test_an_event_of_a_device_counts_once_everywhere(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [VISIT]))

    assert 1 == events(kept)
    assert ONCE == counts(kept)


def test_an_event_of_a_server_counts_only_its_address(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [SERVER]))

    assert 1 == events(kept)
    assert {name: int(name == "ips") for name in ONCE} == counts(kept)


def test_what_is_unknown_is_counted_nowhere(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [{"ename": "x"}]))

    assert 1 == events(kept)
    assert dict.fromkeys(ONCE, 0) == counts(kept)


WHO = {**dict.fromkeys(("vid", "sid", "uid", "ip", "iphash", "agent", "bhash", "ehash", "chash",
                        "uhash"), ""), "first": False}
PEOPLE = ("visitors", "visitors_latest", "sessions", "nodes", "locations", "aliases", "people",
          "user_sessions", "referrals", "referred", "last_event_by_vid_uid_ename",
          "last_event_by_user", "conversion_funnel")


def test_events_of_nobody_are_counted_and_make_no_visitor(kept: Kept, made: Make) -> None:
    nobody = VISIT | WHO | {"ename": "purchase", "lat": None, "lon": None, "rcode": "r"}
    kept.store.land(made(1, [nobody, nobody, VISIT]))

    assert 3 == events(kept)
    assert ONCE | {"hits": 3, "referrers": 3, "outcomes": 3} == counts(kept)
    assert {"people": 1, "visitors": 1, "sessions": 1} == {
        view: int(kept.rows(f"SELECT count(*) AS n FROM sfpla.{view}")[0]["n"])
        for view in ("people", "visitors", "sessions")}
    for view in PEOPLE:
        column = "uid" if view in ("user_sessions", "last_event_by_user") else "vid"
        assert [] == kept.rows(f"SELECT 1 AS n FROM sfpla.{view} WHERE {column} = ''"), view
    (said,) = kept.rows("SELECT total_events AS n, unique_visitors AS v FROM"
                        " sfpla.event_frequency WHERE event_type = 'purchase'")
    assert (2, 0) == (int(said["n"]), int(said["v"]))


def test_the_same_batch_twice_leaves_each_row_once(kept: Kept, made: Make) -> None:
    batch = made(1, [VISIT, SERVER, VISIT | {"vid": "v2"}])
    kept.store.land(batch)
    before = counts(kept)

    kept.store.land(batch)

    assert 3 == events(kept)
    assert before == counts(kept)


def test_equal_rows_of_two_batches_both_count(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [VISIT]))
    kept.store.land(made(2, [VISIT]))

    assert 2 == events(kept)
    assert 2 == counts(kept)["hits"]


def test_a_replay_after_reopening_leaves_each_row_once(kept: Kept, made: Make) -> None:
    batch = made(1, [VISIT])
    kept.store.land(batch)
    kept.store.close()
    kept.store.open()

    kept.store.land(batch)

    assert 1 == events(kept)
    assert ONCE == counts(kept)


def test_a_batch_over_ninety_months_lands_once(kept: Kept, made: Make) -> None:
    batch = made(1, [VISIT | {"created_at": NOON - timedelta(days=31 * month)}
                     for month in range(90)])
    kept.store.land(batch)
    kept.store.land(batch)

    assert 90 == events(kept)
    assert 90 == counts(kept)["hits"]


def test_parts_of_a_batch_land_as_the_whole(kept: Kept, made: Make) -> None:
    batch = made(1, [VISIT | {"vid": f"v{i}"} for i in range(5)])
    for part in (batch.part(0, 2), batch.part(2, 3), batch.part(3, 5), batch.part(2, 3)):
        kept.store.land(part)

    found = kept.rows("SELECT vid FROM sfpla.events ORDER BY vid")
    assert [f"v{i}" for i in range(5)] == [row["vid"] for row in found]
    assert 5 == counts(kept)["hits"]


def test_a_batch_that_lands_in_parts_has_one_account(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [VISIT]))
    batch = made(2, [VISIT | {"vid": f"v{i}"} for i in range(4)])
    for part in (batch.part(0, 2), batch.part(2, 3), batch.part(3, 4)):
        kept.store.land(part)

    assert [1, 2] == [int(row["batch"]) for row in kept.rows(
        "SELECT batch FROM sfpla.accounting ORDER BY batch")]


def test_a_batch_that_lands_in_parts_after_a_start_has_one_account(
        kept: Kept, made: Make) -> None:
    batch = made(1, [VISIT | {"vid": f"v{i}"} for i in range(4)])
    for part in (batch.part(0, 2), batch.part(2, 3), batch.part(3, 4)):
        kept.store.land(part)

    assert 1 == len(kept.rows("SELECT batch FROM sfpla.accounting"))


def test_a_batch_without_rows_leaves_its_account(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [], accepted=3, duplicates=1, filtered={"bot": 2}))

    found = kept.rows("SELECT accepted, landed, duplicates, filtered FROM sfpla.accounting")
    assert [3, 0, 1, 2] == [int(value) for value in found[0].values()]


@pytest.mark.parametrize("params", [
    {"a": 1}, {"a": "x"}, {"a": [1, "x", None, {"b": [[]]}]}, {"a": {"b": {"c": True}}},
    {"": 1, " ": 2, "a.b": 1, "a": {"b": 2}}, {"a": 2**63, "b": -2**63, "c": 1e308},
    {"é\u0000\"'\\": "é\u0000\"'\\"}, {f"k{i}": i for i in range(3000)},
    {"a": "x" * 1_000_000},
], ids=["number", "text", "mixed", "deep", "dotted", "large", "odd", "wide", "long"])
def test_any_params_land(kept: Kept, made: Make, params: dict[str, Any]) -> None:
    kept.store.land(made(1, [VISIT | {"params": params}, VISIT | {"params": {"a": 1.5}}, VISIT]))

    assert 3 == events(kept)


def test_a_full_batch_lands_once(kept: Kept, made: Make) -> None:
    batch = made(1, [VISIT | {"vid": f"v{i}", "params": {f"k{i % 500}": i}}
                     for i in range(50_000)])
    kept.store.land(batch)
    kept.store.land(batch)

    assert 50_000 == events(kept)
    assert 50_000 == counts(kept)["reqs"]


def test_a_payment_is_an_event_and_rows_of_payments(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [VISIT, PAYMENT]))

    assert 2 == events(kept)
    found = kept.rows("SELECT id, vid, uid, product, qty, revenue, sequencer, batch"
                      " FROM sfpla.payments ORDER BY id")
    assert [("o1:0", "v1", "u1", "", None, 50), ("o1:1", "v1", "u1", "it's \"new\", \\ really", 2.5,
                                                 Decimal("0.1"))] == [
        (*list(row.values())[:5], Decimal(str(row["revenue"]))) for row in found]
    assert {("q1", 1)} == {(row["sequencer"], int(row["batch"])) for row in found}
    (worth,) = kept.rows("SELECT revenue FROM sfpla.ltvu")
    assert Decimal("50.1") == Decimal(str(worth["revenue"]))


def test_a_message_is_a_row_in_each_of_its_tables(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [said(
        {"status": "sent", "channel": "email", "campaign_id": "c1", "abz_enabled": True,
         "cats": ["a", "b"], "variants": '{"A":1}', "impression_budget": "12.5000"},
        {"subject": "It's", "content": 'a "b" \\ c', "status": "sent", "meta": '{"k":{"l":1}}'}),
        VISIT]))

    assert 2 == events(kept)
    (thread,) = kept.rows("SELECT tid, status, channel, campaign_id, abz_enabled, abz_auto_stop,"
                          " cats, CAST(impression_budget AS VARCHAR) AS b FROM sfpla.mthreads")
    assert ("t1", "sent", "email", "c1", True, None, ["a", "b"]) == tuple(thread.values())[:-1]
    assert Decimal("12.5") == Decimal(thread["b"])
    (stored,) = kept.rows("SELECT tid, mid, subject, content, urgency, keep FROM sfpla.mstore")
    assert ("t1", "m1", "It's", 'a "b" \\ c', None, False) == tuple(stored.values())
    (waiting,) = kept.rows("SELECT status, urgency, keep FROM sfpla.mtriage")
    assert ("sent", 8, True) == (waiting["status"], int(waiting["urgency"]), waiting["keep"])


def test_what_a_message_says_of_its_urgency_counts(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [said({}, {"urgency": 2, "keep": False})]))

    (waiting,) = kept.rows("SELECT urgency, keep FROM sfpla.mtriage")
    assert (2, False) == (int(waiting["urgency"]), waiting["keep"])


def test_a_thread_is_one_row_with_the_newest_of_all_that_was_said(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [
        said({"status": "sent", "alias": "Spring"}, {}), said({"status": "read"}, {})]))
    kept.store.land(made(2, [
        said({"status": "planned", "name": "N"}, {}, created_at=NOON - timedelta(days=1))]))

    (thread,) = kept.rows("SELECT status, alias, name FROM sfpla.mthreads")
    assert ("read", "Spring", "N") == tuple(thread.values())
    assert 3 == int(kept.rows("SELECT count(*) AS n FROM sfpla.mstore")[0]["n"])


def test_impressions_of_a_day_add_up(kept: Kept, made: Make) -> None:
    seen = {"ename": "seen", "score": 1.0, "tid": "t1", "xid": "A"}
    kept.store.land(made(1, [seen | {"vid": "v1"}, seen | {"vid": "v1", "uid": "u"},
                             seen | {"ename": "click", "score": None}]))
    kept.store.land(made(2, [seen | {"vid": "v2", "ename": "conversion", "score": None},
                             seen | {"xid": "B"}]))

    found = kept.rows("SELECT variant_id, total_impressions, anonymous_impressions,"
                      " identified_impressions, unique_visitors, conversions"
                      " FROM sfpla.impression_daily ORDER BY variant_id")
    assert [("A", 3, 2, 1, 2, 1), ("B", 1, 1, 0, 0, 0)] == [
        (row["variant_id"], *(int(value) for value in list(row.values())[1:])) for row in found]


def paid(n: int, *items: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """A payment of these items, sent at second `n`."""
    moment = f"2026-03-01 12:00:{n:02}.000"
    return {"kind": "payment", "server": True, "hhash": "h1", **columns, "extra": json.dumps(
        [{"updated_at": moment, "currency": "USD", "worth": item.get("revenue"),
          "worth_currency": item.get("currency", "USD"), **item} for item in items])}


def worth(kept: Kept, view: str, keys: str, amount: str = "revenue") -> list[tuple[Any, ...]]:
    """Rows of a view of lifetime values: two keys and an amount."""
    found = kept.rows(f"SELECT {keys}, CAST({amount} AS VARCHAR) FROM sfpla.{view} ORDER BY 1, 2")
    return [(*list(row.values())[:-1], Decimal(str(list(row.values())[-1]))) for row in found]


def test_a_lifetime_value_is_the_exact_sum_less_refunds(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [
        paid(1, {"id": "a", "orid": "o1", "vid": "v1", "revenue": "0.1000"}, uid="u1"),
        paid(2, {"id": "b", "orid": "o1", "vid": "v1", "revenue": "0.2000"}, uid="u1")]))
    kept.store.land(made(2, [
        paid(3, {"id": "c", "orid": "o2", "vid": "v2", "revenue": "99999999999999.9999"}, uid="u1"),
        paid(4, {"id": "d", "invid": "i1", "vid": "v2", "revenue": "-0.3000"}, uid="u1"),
        paid(5, {"id": "a", "orid": "o1", "vid": "v1", "revenue": "0.1000"}, uid="u1"),
        paid(6, {"id": "e", "orid": "o3", "vid": "v3", "price": "5.0000"}, uid="u1")]))

    assert [("u1", "USD", Decimal("99999999999999.9999"))] == worth(
        kept, "ltvu", "uid, currency")
    assert [("v1", "USD", Decimal("0.3")), ("v2", "USD", Decimal("99999999999999.6999"))] == worth(
        kept, "ltvv", "vid, currency")
    assert [("u1", "v1", Decimal("0.3")), ("u1", "v2", Decimal("99999999999999.6999"))] == worth(
        kept, "ltv", "uid, vid")
    assert [("orid", "i1", Decimal("-0.3")), ("orid", "o1", Decimal("0.3")),
            ("orid", "o2", Decimal("99999999999999.9999")),
            ("uid", "u1", Decimal("99999999999999.9999")), ("vid", "v1", Decimal("0.3")),
            ("vid", "v2", Decimal("99999999999999.6999"))] == worth(
        kept, "ltv_by_id", "id_type, id", "paid")


def test_currencies_are_added_only_where_they_were_converted(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [
        paid(1, {"id": "a", "revenue": "100.0000", "worth": "92.0000", "worth_currency": "EUR"},
             {"id": "b", "revenue": "8.0000", "currency": "EUR"},
             {"id": "c", "revenue": "7.0000", "currency": "CHF"}, uid="u1")]))

    assert [("u1", "CHF", 7), ("u1", "EUR", 100)] == worth(kept, "ltvu", "uid, currency")


def test_payments_from_before_there_was_a_worth_count_as_they_were_sent(
    kept: Kept, made: Make,
) -> None:
    kept.store.land(made(1, [PAYMENT]))

    assert [("u1", "USD", Decimal("50.1"))] == worth(kept, "ltvu", "uid, currency")


AGREEMENT = {"kind": "agreement", "vid": "v1", "oid": "o1", "cflags": 1, "extra": json.dumps([
    {"updated_at": "2026-03-01 12:00:00.000", "compliances": '{"gdpr":true}', "loc": "{}",
     "avid": "a1"}])}
LATER = AGREEMENT | {"cflags": 2, "extra": json.dumps([
    {"updated_at": "2026-03-02 12:00:00.000", "compliances": "{}", "loc": "{}"}])}


def test_an_agreement_is_no_event_and_replaces_the_one_before(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [LATER, VISIT, AGREEMENT], others=2))

    assert 1 == events(kept)
    assert ONCE == counts(kept)
    found = kept.rows("SELECT vid, oid, cflags, avid FROM sfpla.agreements")
    assert [("v1", "o1", 2, "")] == [
        (row["vid"], row["oid"], int(row["cflags"]), row["avid"]) for row in found]
    assert [1, 2] == [int(row["cflags"])
                      for row in kept.rows("SELECT cflags FROM sfpla.agreed ORDER BY cflags")]


def test_a_line_of_a_log_is_no_event(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [LINE, VISIT, LINE], others=2))

    assert 1 == events(kept)
    assert ONCE == counts(kept)
    found = kept.rows("SELECT id, topic, msg, level, params.a AS a FROM sfpla.logs"
                      if isinstance(kept, KeptByChdb) else
                      "SELECT id, topic, msg, level, params->>'a' AS a FROM logs")
    assert [("l1", "t", "it's \"new\"", "3", "1")] * 2 == [
        (row["id"], row["topic"], row["msg"], str(row["level"]), str(row["a"])) for row in found]
    (account,) = kept.rows("SELECT landed, others FROM sfpla.accounting")
    assert [1, 2] == [int(value) for value in account.values()]


SAID = said({"status": "sent"}, {"subject": "s"})


@pytest.mark.parametrize("rows", [[LINE, PAYMENT, VISIT, SAID], [LINE, LINE]],
                         ids=["all", "no-event"])
def test_rows_of_other_kinds_land_once(kept: Kept, made: Make, rows: list[dict[str, Any]]) -> None:
    batch = made(1, rows)
    for reopened in (False, False, True):
        if reopened:
            kept.store.close()
            kept.store.open()
        kept.store.land(batch)

    lines = sum(row["kind"] == "log" for row in rows if "kind" in row)
    assert lines == int(kept.rows("SELECT count(*) AS n FROM sfpla.logs")[0]["n"])
    assert len(rows) - lines == events(kept)
    for table in ("mthreads_store", "mstore", "mtriage"):
        assert (SAID in rows) == int(kept.rows(f"SELECT count(*) AS n FROM sfpla.{table}")[0]["n"])
    assert 2 * (PAYMENT in rows) == int(
        kept.rows("SELECT count(*) AS n FROM sfpla.payments")[0]["n"])


def test_parts_of_a_batch_of_several_kinds_land_as_the_whole(kept: Kept, made: Make) -> None:
    batch = made(1, [LINE, VISIT, LINE, PAYMENT])
    for part in (batch.part(0, 2), batch.part(2, 3), batch.part(3, 4), batch.part(2, 3)):
        kept.store.land(part)

    assert 2 == events(kept)
    assert 2 == int(kept.rows("SELECT count(*) AS n FROM sfpla.logs")[0]["n"])


def test_a_batch_file_from_before_there_were_kinds_lands(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [VISIT], without=("kind", "extra")))

    assert 1 == events(kept)
    assert ONCE == counts(kept)


def test_a_change_of_a_link_is_a_row_of_both_its_tables(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [link("https://a.example/", "2026-03-01 12:00:00.000"), VISIT,
                             link("https://b.example/", "2026-03-01 12:00:00.001")], others=2))

    assert 1 == events(kept)
    assert [("go.example/s", "https://b.example/", "h", "o1", "anna")] == [
        tuple(row.values()) for row in kept.rows(
            "SELECT urlfrom, urlto, hhash, oid, updater FROM sfpla.redirects")]
    assert [("https://go.example/s", "https://a.example/", "/s", 1),
            ("https://go.example/s", "https://b.example/", "/s", 1)] == [
        (row["urlfrom"], row["urlto"], row["slugfrom"], int(row["batch"])) for row in kept.rows(
            "SELECT urlfrom, urlto, slugfrom, batch FROM sfpla.redirect_history"
            " ORDER BY updated_at")]


def test_a_deleted_link_is_none_of_the_redirects(kept: Kept, made: Make) -> None:
    for n, urlto in enumerate(("https://a.example/", ""), 1):
        kept.store.land(made(n, [link(urlto, f"2026-03-01 12:00:00.00{n}")]))

    assert [] == kept.rows("SELECT urlfrom FROM sfpla.redirects")
    assert 2 == int(kept.rows("SELECT count(*) AS n FROM sfpla.redirect_history")[0]["n"])


def counter(name: str, total: int, day: str = "2026-03-01") -> dict[str, Any]:
    """A message that counts."""
    return {"kind": "counter", "extra": json.dumps([{"id": name, "total": total, "day": day}])}


def counters(kept: Kept) -> dict[tuple[str, str], int]:
    """The sum of each counter and day."""
    return {(row["id"], str(row["date"])): int(row["n"]) for row in kept.rows(
        "SELECT id, date, sum(total) AS n FROM sfpla.counters GROUP BY id, date")}


def test_counters_of_services_add_up_beside_new_visitors(kept: Kept, made: Make) -> None:
    first = made(1, [counter("a", 1), VISIT, counter("a", 5), counter("b", 7),
                     counter("a", 2, "2026-03-02")], others=4)
    kept.store.land(first)
    kept.store.land(made(2, [counter("a", 10), VISIT]))
    kept.store.land(first)

    assert {("a", "2026-03-01"): 16, ("a", "2026-03-02"): 2, ("b", "2026-03-01"): 7,
            ("vids_created", "2026-03-01"): 2} == counters(kept)
    assert 2 == events(kept)
    assert 5 == int(kept.rows("SELECT count(*) AS n FROM sfpla.counted")[0]["n"])


def test_counters_of_a_batch_that_lands_in_parts_after_a_start_count_once(
        kept: Kept, made: Make) -> None:
    batch = made(1, [counter("a", 1), counter("a", 2), VISIT, counter("a", 4)])
    kept.store.land(batch.part(0, 1))
    kept.store.close()
    kept.store.open()
    for part in (batch.part(0, 1), batch.part(1, 3), batch.part(3, 4)):
        kept.store.land(part)

    assert {("a", "2026-03-01"): 7, ("vids_created", "2026-03-01"): 1} == counters(kept)


def test_no_message_counts_new_visitors(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [counter("vids_created", 5), VISIT]))

    assert {("vids_created", "2026-03-01"): 1} == counters(kept)


def update(name: str, msg: str, moment: str) -> dict[str, Any]:
    """The last message of something."""
    return {"kind": "update", "extra": json.dumps([{"id": name, "msg": msg, "updated_at": moment}])}


def test_of_updates_of_one_id_the_newest_stays_whenever_it_lands(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [update("a", "second", "2026-03-01 12:00:00.002"),
                             update("b", "it's \"b\"", "2026-03-01 12:00:00.000")], others=2))
    kept.store.land(made(2, [update("a", "first", "2026-03-01 12:00:00.001"), VISIT]))

    assert [("a", "second"), ("b", "it's \"b\"")] == [tuple(row.values()) for row in kept.rows(
        "SELECT id, msg FROM sfpla.updates_latest ORDER BY id")]


def test_a_line_keeps_its_nanoseconds(kept: Kept, made: Make) -> None:
    kept.store.land(made(1, [LINE]))

    assert "2026-03-01 12:00:00.123456789" == kept.rows(
        "SELECT CAST(ltime AS VARCHAR) AS t FROM sfpla.logs")[0]["t"]
