"""What services send: what can be kept, and which field is wrong with the rest."""

import json
from typing import Any

import pytest

from tracker.errors import RequestRefused
from tracker.hit import Route, Shape
from tracker.intake.servermessages import ServerMessages
from tracker.settings import IntakeSettings

MESSAGES = ServerMessages(IntakeSettings())


def refusal(route: Route, body: bytes | dict[str, Any]) -> tuple[str, str | None]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RequestRefused) as caught:
        MESSAGES.read(route, data, b"application/json")
    assert 400 == caught.value.status
    return caught.value.code, caught.value.field


@pytest.mark.parametrize(("route", "sent"), [
    (Route.LOG, {"msg": ""}),
    (Route.LOG, {"MSG": "a", "level": "Warn", "ltime": "2026-01-31T23:59:59.123456789+01:00"}),
    (Route.LOG, {"msg": "a", "level": 35, "ltimenss": "1769903999123456789", "user": {"id": 1}}),
    (Route.COUNT, {"id": "a"}),
    (Route.COUNT, {"id": "a", "by": 1_000_000_000, "day": "2026-02-28"}),
    (Route.UPDATE, {"id": "a", "msg": "b"}),
    (Route.UPDATE, {"id": "a", "msg": "b", "updated": "1769903999123", "eid": "x"}),
    (Route.UPDATE, {"id": "a", "msg": "b", "updated": "2026-01-31T23:59:59Z"}),
])
def test_what_can_be_kept_passes(route: Route, sent: dict[str, Any]) -> None:
    body = MESSAGES.read(route, json.dumps(sent).encode(), b"")

    assert (1, []) == (body.size, body.refused)


@pytest.mark.parametrize(("route", "sent", "code", "field"), [
    (Route.LOG, {}, "missing", "msg"), (Route.LOG, {"msg": None}, "missing", "msg"),
    (Route.LOG, {"msg": 5}, "bad_value", "msg"),
    (Route.LOG, {"msg": "a", "Level": "loud"}, "bad_value", "Level"),
    (Route.LOG, {"msg": "a", "level": True}, "bad_value", "level"),
    (Route.LOG, {"msg": "a", "level": 1.5}, "bad_value", "level"),
    (Route.LOG, {"msg": "a", "ltime": "yesterday"}, "bad_value", "ltime"),
    (Route.LOG, {"msg": "a", "ltime": "2026-02-30T00:00:00Z"}, "bad_value", "ltime"),
    (Route.LOG, {"msg": "a", "ltime": "2026-01-01T00:00:00.1234567891Z"}, "bad_value", "ltime"),
    (Route.LOG, {"msg": "a", "ltime": "2300-01-01T00:00:00Z"}, "bad_value", "ltime"),
    (Route.LOG, {"msg": "a", "ltimenss": -1}, "bad_value", "ltimenss"),
    (Route.LOG, {"msg": "a", "topic": "x" * 201}, "bad_value", "topic"),
    (Route.LOG, {"msg": "a" * ((1 << 20) + 1)}, "bad_value", "msg"),
    (Route.COUNT, {}, "missing", "id"), (Route.COUNT, {"id": " "}, "bad_value", "id"),
    (Route.COUNT, {"id": "vids_created"}, "bad_value", "id"),
    (Route.COUNT, {"id": "a", "by": 0}, "bad_value", "by"),
    (Route.COUNT, {"id": "a", "by": -1}, "bad_value", "by"),
    (Route.COUNT, {"id": "a", "by": 1.0}, "bad_value", "by"),
    (Route.COUNT, {"id": "a", "by": "1"}, "bad_value", "by"),
    (Route.COUNT, {"id": "a", "by": True}, "bad_value", "by"),
    (Route.COUNT, {"id": "a", "by": 10**9 + 1}, "bad_value", "by"),
    (Route.COUNT, {"id": "a", "day": "20260131"}, "bad_value", "day"),
    (Route.COUNT, {"id": "a", "day": "2026-W01-1"}, "bad_value", "day"),
    (Route.COUNT, {"id": "a", "day": "2106-01-01"}, "bad_value", "day"),
    (Route.COUNT, {"id": "a", "total": 5}, "unknown_key", "total"),
    (Route.UPDATE, {"id": "a"}, "missing", "msg"), (Route.UPDATE, {"msg": "a"}, "missing", "id"),
    (Route.UPDATE, {"id": "a", "msg": "b", "updated": "soon"}, "bad_value", "updated"),
    (Route.UPDATE, {"id": "a", "msg": "b", "updated": 10**14}, "bad_value", "updated"),
])
def test_what_is_wrong_is_named(route: Route, sent: dict[str, Any], code: str, field: str) -> None:
    assert (code, field) == refusal(route, sent)


@pytest.mark.parametrize("body", [b"", b"  ", b"id=a", b"[]", b"5", b"{", b"\xff", b"[5]"])
def test_other_bodies_are_refused(body: bytes) -> None:
    refusal(Route.COUNT, body)


def test_a_form_is_no_message() -> None:
    with pytest.raises(RequestRefused, match="JSON object"):
        MESSAGES.read(Route.COUNT, b"id=a", b"application/x-www-form-urlencoded")


@pytest.mark.parametrize(("data", "shape"), [
    (b'[{"id":"a"},{"id":5},{"id":"b"}]', Shape.ARRAY),
    (b'{"id":"a"}\n{"id":5}\n{"id":"b"}\n', Shape.NDJSON)])
def test_of_a_batch_the_good_go_on_and_the_others_are_named(data: bytes, shape: Shape) -> None:
    body = MESSAGES.read(Route.COUNT, data, b"")

    assert (shape, 3) == (body.shape, body.size)
    assert [(1, "bad_value", "[1].id")] == [
        (fault.index, fault.code, fault.field) for fault in body.refused]


def test_a_batch_of_which_nothing_can_be_kept_is_refused() -> None:
    assert ("bad_value", "[0].id") == refusal(Route.COUNT, b'[{"id":5},{"id":6}]')
