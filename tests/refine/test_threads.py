"""Message threads: what an event with a `tid` becomes beside an event."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.refining import EVENT_ID_TEXT, VID, event_of, post, refine, row_of, rows
from tracker.hit import Route
from tracker.refine.threads import LONGEST, MOST_ITEMS

SENT = {"vid": VID, "oid": "o1", "tid": "thread-123", "campaign_id": "campaign-456",
        "experiment_id": "exp-789", "variant_id": "var-abc", "ename": "email_sent",
        "etyp": "message", "subject": "Test Email", "content": "Email body content",
        "status": "sent", "channel": "email"}


def said(event: dict[str, Any]) -> dict[str, Any]:
    """What an event says of its thread and its message."""
    (made,) = json.loads(event_of({"tid": "t1", **event})["extra"])
    return dict(made)


def test_an_event_with_a_thread_is_an_event_and_a_message() -> None:
    row = event_of(SENT)

    assert ("message", "thread-123", "email_sent", "message") == (
        row["kind"], row["tid"], row["ename"], row["etyp"])
    (made,) = json.loads(row["extra"])
    assert {"mid": EVENT_ID_TEXT, "vid": VID, "ename": "email_sent", "etyp": "message",
            "status": "sent", "campaign_id": "campaign-456", "experiment_id": "exp-789",
            "variant_id": "var-abc", "subject": "Test Email", "channel": "email",
            "content": "Email body content", "updated_at": "2025-11-25 12:00:00.000"} == made


def test_the_text_of_a_message_is_in_its_tables_and_not_in_the_event() -> None:
    row = event_of(SENT | {"msg": "Hello", "DATA": "x"})

    assert "" == row["content"]
    assert {"campaign_id": "campaign-456", "experiment_id": "exp-789", "variant_id": "var-abc",
            "status": "sent", "channel": "email"} == row["params"]


def test_what_an_advertisement_said_stays_with_the_event() -> None:
    row = event_of({"tid": "t1", "ename": "ad", "utm_content": "blue"})

    assert "blue" == row["content"]
    assert "content" not in json.loads(row["extra"])[0]


def test_the_text_of_a_message_is_no_name_of_an_event() -> None:
    row = event_of({"tid": "t1", "content": "Hi"})

    assert "" == row["ename"]
    assert "Hi" == json.loads(row["extra"])[0]["content"]


@pytest.mark.parametrize("tid", [None, "", "  ", "00000000-0000-0000-0000-000000000000", [], {}])
def test_without_a_thread_an_event_is_a_plain_one(tid: Any) -> None:
    row = event_of({"tid": tid, "content": "Hi", "ename": "a"})

    assert ("", "", "Hi") == (row["kind"], row["extra"], row["content"])


def test_a_payment_with_a_thread_is_a_payment() -> None:
    row = row_of(post({"tid": "t1", "amt": 1, "subject": "s"}, route=Route.LTV))

    assert ("payment", "t1", "s") == (row["kind"], row["tid"], row["params"]["subject"])


def test_text_is_kept_as_sent() -> None:
    message = said({"subject": "Grüße, ÄÖÜ", "msg": "  Two  SPACES\n"})

    assert ("Grüße, ÄÖÜ", "  Two  SPACES\n") == (message["subject"], message["msg"])


def test_a_message_keeps_an_id_of_its_own() -> None:
    assert "m-1" == said({"mid": "m-1"})["mid"]
    assert VID == said({"mid": VID.upper()})["mid"]


def test_values_are_brought_to_their_columns() -> None:
    made = said({
        "urgency": "3", "abz_enabled": "yes", "archived": 0, "impression_budget": "12.5",
        "abz_learning_rate": "0.1", "variants": {"A.b": {"c": 1}}, "cats": ["a", 1, None, {}],
        "deleted": "2025-11-25T12:00:00Z", "scheduled": 1_764_072_000_000, "sys": True,
        "users": "one", "data": {"a": 1}, "perf": '{"opens": 2}', "scheduled_local_hour": 9})

    assert {"urgency": 3, "abz_enabled": True, "archived": False, "impression_budget": "12.5000",
            "abz_learning_rate": 0.1, "variants": '{"A.b":{"c":1}}', "cats": ["a", "1"],
            "deleted": "2025-11-25 12:00:00.000", "scheduled": "2025-11-25 12:00:00.000",
            "sys": True, "users": ["one"], "data": '{"a":1}', "perf": '{"opens":2}',
            "scheduled_local_hour": 9, "mid": EVENT_ID_TEXT,
            "updated_at": "2025-11-25 12:00:00.000"} == made


def test_a_template_is_an_object_to_the_thread_and_a_text_to_the_message() -> None:
    assert ('{"a":1}', '{"a":1}') == tuple(
        said({"mtempl": {"a": 1}})[name] for name in ("mtempl", "mtempl_object"))
    assert "mtempl_object" not in said({"mtempl": "welcome"})
    assert "welcome" == said({"mtempl": "welcome"})["mtempl"]


@pytest.mark.parametrize(("name", "value"), [
    ("urgency", "soon"), ("urgency", 1.5), ("abz_enabled", "maybe"), ("variants", [1]),
    ("variants", "text"), ("impression_budget", 1e300), ("abz_start_time", "tomorrow"),
    ("cats", {"a": 1}), ("subject", {"a": 1}), ("alias", ["x"]),
    ("cats", ["x"] * (MOST_ITEMS + 1)), ("subject", "x" * (LONGEST + 1)),
])
def test_what_no_column_takes_stays_with_the_event(name: str, value: Any) -> None:
    row = event_of({"tid": "t1", name: value})

    (made,) = json.loads(row["extra"])
    assert name not in made
    assert value == row["params"][name]


def test_only_events_with_a_thread_say_something_of_one() -> None:
    made = rows(refine(post([{"ename": "a"}, {"ename": "b", "tid": "t"}])))

    assert ["", "message"] == [row["kind"] for row in made]


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text()
                     | st.floats(allow_nan=False, allow_infinity=False),
                     lambda inner: st.lists(inner, max_size=3)
                     | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([
    "subject", "content", "msg", "data", "variants", "cats", "urgency", "deleted", "mid", "sys",
    "abz_enabled", "impression_budget", "ref", "perf", "Status"]), _JSON))
def test_whatever_is_said_of_a_thread_is_read(event: dict[str, Any]) -> None:
    assert said(event)["mid"]
