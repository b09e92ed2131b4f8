"""Agreements: what a visitor consents to becomes a row that is no event."""

import json
from typing import Any

import pytest

from harness.refining import VID, post, row_of
from tracker.hit import Hit, Route
from tracker.settings import RefineSettings


def agree(values: dict[str, Any], **parts: Any) -> Hit:
    return post(values, target="/tr/v1/ppi/agree", route=Route.AGREE, **parts)


def test_an_agreement_has_the_columns_of_an_event_and_its_own() -> None:
    row = row_of(agree({
        "vid": VID, "cflags": 1024, "tz": "America/Los_Angeles", "lat": 37.7749, "lon": -122.4194,
        "oid": "a1b2", "avid": "a", "owner": "o", "compliances": {"gdpr": ["ads"]},
        "loc": {"x": 1}}))

    assert ("agreement", VID, 1024, "US", 37.7749, "a1b2") == tuple(
        row[name] for name in ("kind", "vid", "cflags", "country", "lat", "oid"))
    assert [{"updated_at": "2025-11-25 12:00:00.000", "avid": "a", "owner": "o",
             "compliances": '{"gdpr":["ads"]}', "loc": '{"x":1}'}] == json.loads(row["extra"])


@pytest.mark.parametrize(("sent", "kept"), [
    (None, {}), ("gdpr", {}), (5, {}), ('{"gdpr":1}', {"gdpr": 1}), (["gdpr", 5], {"gdpr": True}),
    ({"a": {"b": 1}, "a.b": 2}, {"a": {"b": 1}, "a.b_": 2}),
])
def test_regulations_are_an_object_that_every_store_takes(sent: Any, kept: dict[str, Any]) -> None:
    (own,) = json.loads(row_of(agree({"compliances": sent, "loc": 5, "avid": None}))["extra"])

    assert {"updated_at", "compliances", "loc"} == own.keys()
    assert (kept, {}) == (json.loads(own["compliances"]), json.loads(own["loc"]))


def test_flags_may_come_as_text() -> None:
    assert 1024 == row_of(agree({"cflags": "1024"}))["cflags"]


def test_no_address_is_kept_where_none_is_wanted() -> None:
    row = row_of(agree({"vid": VID}), RefineSettings(remove_ip=True, private_key=b"k"))

    assert "8.8.8.8" != row["ip"]
    assert "8.8.8.8" not in row["extra"]
