"""Messages of one WebSocket: who their visitor is, which records they become, what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake import Client
from harness.refining import refine, row_of
from tracker.errors import RequestRefused
from tracker.hit import Hit, Route, Shape, decode_hit
from tracker.intake import Intake, Request
from tracker.intake.stream import Part, Stream
from tracker.settings import IntakeSettings

KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


def handshake(*lines: bytes, target: bytes = b"/tr/v1/ws") -> Request:
    head = b"GET %b HTTP/1.1\r\nHost: t.example.com:8880\r\nUpgrade: websocket\r\n" % target + KEY
    head += b"".join(line + b"\r\n" for line in lines)
    return Request(b"GET", target, head, b"", "192.0.2.1", True)


def intake(**settings: Any) -> Intake:
    return Client(IntakeSettings(**settings)).intake


def hits(parts: list[Part]) -> list[Hit]:
    return [decode_hit(part.record) for part in parts if part.record is not None]


def take(*texts: bytes) -> list[Part]:
    own = intake()
    return own.streams.take(own.open_stream(handshake()), texts)


def outline(parts: list[Part]) -> list[tuple[int, int, list[str]]]:
    return [(part.messages, part.events, [fault.code for _, fault in part.refused])
            for part in parts]


def test_messages_that_come_together_share_a_record() -> None:
    [hit] = hits(take(b'{"a":1}', b'{"a":[1,2]}', b'{"b":"\xc3\xa9"}'))
    assert (Route.WS, Shape.ARRAY, 3) == (hit.route, hit.shape, hit.events)
    assert b'[{"a":1},{"a":[1,2]},{"b":"\xc3\xa9"}]' == hit.body


@pytest.mark.parametrize(("texts", "expected"), [
    ((b'{"a":1}',), [(1, 1, [])]),
    ((b' {"a":1}\n', b'{"b":1}'), [(2, 2, [])]),
    ((b'{"a":1}', b"nope", b'{"b":1}', b'{"c":1}'), [(1, 1, []), (1, 0, ["not_json"]), (2, 2, [])]),
    ((b"", b'{"b":1}'), [(1, 0, ["empty_body"]), (1, 1, [])]),
    ((b"[1,2]",), [(1, 0, ["not_an_object"])]),
    ((b'[{"a":1},2]', b'{"b":1}'), [(1, 1, ["not_an_object"]), (1, 1, [])]),
    ((b'{"a":1}\n{"b":2}',), [(1, 2, [])]),
    ((b'[{"a":1},{"b":1}]',), [(1, 2, [])]),
    # Texts that are JSON only together are none.
    ((b'{"a":[1', b'2]}'), [(1, 0, ["not_json"]), (1, 0, ["not_json"])]),
    ((b'{"a":[1', b'2]},{"b":3}'), [(1, 0, ["not_json"]), (1, 0, ["not_json"])]),
    ((b'{"a":1},{"b":2}', b'{"c":3}'), [(1, 0, ["not_json"]), (1, 1, [])]),
    ((b'{"a":"\\ud83d"}', b'{"c":3}'), [(2, 2, [])]),
    ((b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", b'{"c":3}'), [(1, 0, ["too_deep"]), (1, 1, [])]),
    ((b'\xff', b'{"c":3}'), [(1, 0, ["not_utf8"]), (1, 1, [])]),
])
def test_each_message_is_judged_by_itself(
    texts: tuple[bytes, ...], expected: list[tuple[int, int, list[str]]],
) -> None:
    parts = take(*texts)
    assert expected == outline(parts)
    for hit in hits(parts):
        assert hit.events == refine(hit).table.num_rows


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers(-9**9, 9**9)),
                min_size=1, max_size=20))
def test_all_events_are_in_the_records_in_order(events: list[dict[str, Any]]) -> None:
    found = take(*[json.dumps(event).encode() for event in events])
    assert events == [event for hit in hits(found) for event in json.loads(hit.body)]
    assert len(events) == sum(part.messages for part in found)


def opened(*lines: bytes, target: bytes = b"/tr/v1/ws") -> tuple[Stream, dict[str, Any]]:
    own = intake()
    stream = own.open_stream(handshake(*lines, target=target))
    [part] = own.streams.take(stream, [b'{"ename":"x"}'])
    return stream, row_of(hits([part])[0])


def cookies(stream: Stream) -> dict[str, str]:
    pairs = [value.decode().partition(";")[0].partition("=") for _, value in stream.cookies]
    return {name: value for name, _, value in pairs}


def test_a_visitor_without_cookies_gets_those_that_all_messages_go_by() -> None:
    own = intake()
    stream = own.open_stream(handshake())
    rows = [row_of(hits(own.streams.take(stream, [b'{"ename":"x"}']))[0]) for _ in range(2)]
    set_cookies = cookies(stream)
    assert {"vid", "sid"} == set_cookies.keys()
    for row in rows:
        assert set_cookies == {"vid": row["vid"], "sid": row["sid"]}


@pytest.mark.parametrize(("line", "target", "vid", "sid", "renewed"), [
    (b"Cookie: vid=v; sid=s; theme=dark", b"/tr/v1/ws", "v", "s", {"sid": "s"}),
    (b"Cookie: vid=v; sess=s", b"/tr/v1/ws/", "v", "s", {}),
    (b"X: y", b"/tr/v1/ws?vid=v&sid=s", "v", "s", {"vid": "v", "sid": "s"}),
    (b"X: y", b"/tr/v1/ws/vid/v/sid/s", "v", "s", {"vid": "v", "sid": "s"}),
    (b'User: {"vid":"v","sid":"s"}', b"/tr/v1/ws", "v", "s", {"vid": "v", "sid": "s"}),
])
def test_what_the_handshake_says_counts_for_every_message(
    line: bytes, target: bytes, vid: str, sid: str, renewed: dict[str, str],
) -> None:
    stream, row = opened(line, target=target)
    assert (vid, sid) == (row["vid"], row["sid"])
    assert renewed == cookies(stream)
    assert b"theme" not in stream.head


def test_a_message_names_its_own_visitor() -> None:
    own = intake()
    stream = own.open_stream(handshake(b"Cookie: vid=v; sid=s"))
    [part] = own.streams.take(stream, [b'{"vid":"other"}'])
    row = row_of(hits([part])[0])
    assert ("other", "s") == (row["vid"], row["sid"])


def test_an_eid_of_the_handshake_is_no_message_s_own() -> None:
    own = intake()
    eid = b"14fb0860-b4bf-41e9-8971-7b80435315ac"
    stream = own.open_stream(handshake(target=b"/tr/v1/ws?eid=" + eid))
    rows = [row_of(hits(own.streams.take(stream, [b'{"ename":"x"}']))[0]) for _ in range(2)]
    assert 2 == len({row["eid"] for row in rows} - {eid.decode()})


def test_events_are_client_side_and_know_agent_and_address() -> None:
    _, row = opened(b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0")
    assert (False, "192.0.2.1", "t.example.com", "Linux") == (
        row["server"], row["ip"], row["host"], row["os"])


def test_the_head_keeps_nothing_of_the_handshake_and_no_secrets() -> None:
    stream, _ = opened(b"Authorization: Bearer x", b"Sec-WebSocket-Extensions: a",
                       b"connection: Upgrade", b"Origin: https://shop.example")
    assert b"websocket" not in stream.head.lower().partition(b"\r\n")[2]
    assert b"Bearer" not in stream.head
    assert b"connection" not in stream.head.lower()
    assert b"Origin: https://shop.example\r\n" in stream.head


@pytest.mark.parametrize(("allowed", "origin", "passes"), [
    ("*", b"https://evil.example", True),
    ("https://shop.example", b"https://shop.example", True),
    ("https://shop.example", b"https://evil.example", False),
    ("https://shop.example", b"null", False),
    ("https://shop.example", b"http://t.example.com:8880", True),  # our own page
    ("https://shop.example", b"https://T.example.com:8880", True),
    ("https://shop.example", b"https://t.example.com:8881", False),
    ("https://shop.example", b"", True),  # no browser
    ("", b"https://evil.example", False),
    ("", b"https://t.example.com:8880", True),
])
def test_a_page_of_another_site_needs_leave(allowed: str, origin: bytes, passes: bool) -> None:
    lines = (b"Origin: " + origin,) if origin else ()
    own = intake(allow_origin=allowed)
    if passes:
        own.open_stream(handshake(*lines))
        return
    with pytest.raises(RequestRefused) as caught:
        own.open_stream(handshake(*lines))
    assert (403, "origin_refused") == (caught.value.status, caught.value.code)


def test_a_long_head_is_not_repeated_for_too_many_events() -> None:
    own = intake()
    stream = own.open_stream(handshake(b"X: " + b"y" * 30_000))
    [part] = own.streams.take(stream, [b"[" + b",".join([b'{"a":1}'] * 5_000) + b"]"])
    assert (1, 0, ["head_too_large_for_batch"]) == outline([part])[0]


def test_other_requests_are_told_how_to_open_a_websocket() -> None:
    client = Client()
    answer = client.get("/tr/v1/ws")
    assert (426, "upgrade_required") == (answer.status, answer.error)
    assert "websocket" == answer.headers["upgrade"]
    assert 426 == client.post("{}", "/tr/v1/ws/").status
    assert 200 == client.send("OPTIONS", "/tr/v1/ws").status
