"""A campaign's messages sent over HTTP, as a reader of the tables sees their thread."""

import json
from collections.abc import Iterator

import pytest

from harness.process import TrackerProcess, running

TID = "thread-123"


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    with running(tmp_path_factory.mktemp("threads")) as started:
        for event in (
            {"vid": "v1", "oid": "o1", "tid": TID, "campaign_id": "campaign-456", "xid": "exp-789",
             "ename": "email_sent", "etyp": "message", "subject": "Your Order",
             "content": "Thank you, ANNA!", "status": "sent", "channel": "email"},
            {"vid": "v1", "oid": "o1", "tid": TID, "ename": "email_opened", "status": "opened",
             "score": 1},
            {"vid": "v1", "oid": "o1", "ename": "page_view"},
        ):
            assert 200 == started.request("POST", "/tr/v1/str/", json.dumps(event))[0]
        started.flush()
        yield started


@pytest.mark.server
def test_a_thread_is_one_row_that_knows_the_newest(tracker: TrackerProcess) -> None:
    assert [{"tid": TID, "campaign_id": "campaign-456", "status": "opened", "channel": "email",
             "subject": "Your Order"}] == tracker.sql(
        "SELECT tid, campaign_id, status, channel, subject FROM sfpla.mthreads"
        " ORDER BY updated_at DESC LIMIT 5")


@pytest.mark.server
def test_each_message_is_kept_as_sent(tracker: TrackerProcess) -> None:
    assert [{"tid": TID, "subject": "", "content": ""},
            {"tid": TID, "subject": "Your Order", "content": "Thank you, ANNA!"}] == tracker.sql(
        "SELECT tid, subject, content FROM sfpla.mstore ORDER BY updated_at DESC LIMIT 5")
    assert [{"tid": TID, "status": "opened", "urgency": "8", "keep": True},
            {"tid": TID, "status": "sent", "urgency": "8", "keep": True}] == [
        {**row, "urgency": str(row["urgency"])} for row in tracker.sql(
            "SELECT tid, status, urgency, keep FROM sfpla.mtriage ORDER BY updated_at DESC")]


@pytest.mark.server
def test_messages_are_events_too_and_impressions(tracker: TrackerProcess) -> None:
    assert 3 == int(tracker.value("SELECT count() FROM sfpla.events"))
    assert 1 == int(tracker.value("SELECT sum(total_impressions) FROM sfpla.impression_daily"))
