"""Which bodies pass, as what, and what is said of the others."""

import json
import time

import pytest

from harness.intake import Client
from tracker.hit import Shape
from tracker.intake import body as bodies
from tracker.settings import IntakeSettings


@pytest.fixture
def client() -> Client:
    return Client()


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.mark.parametrize(("body", "content_type", "shape", "events"), [
    (b'{"a":1}', JSON, Shape.OBJECT, 1),
    (b'{"a":1}', "text/plain;charset=UTF-8", Shape.OBJECT, 1),
    (b'{"a":1}', FORM, Shape.OBJECT, 1),  # what curl -d says of anything
    (b' \r\n\t{"a":1}\n ', "", Shape.OBJECT, 1),
    (b'{\n "a": 1,\n "b": {}\n}\n', JSON, Shape.OBJECT, 1),
    (b"{}", JSON, Shape.OBJECT, 1),
    (b"\xef\xbb\xbf{}", JSON, Shape.OBJECT, 1),
    (b"[{}]", JSON, Shape.ARRAY, 1),
    (b' [ {"a":[1]} , {} ] ', "text/plain", Shape.ARRAY, 2),
    (b'{"a":1}\n{"b":2}', JSON, Shape.NDJSON, 2),
    (b'\n{"a":1}\r\n\r\n \n{"b":2}\n\n', "", Shape.NDJSON, 2),
    (b'{"a":1}\n', "application/x-ndjson", Shape.NDJSON, 1),
    (b"vid=1&ename=x%20y", FORM, Shape.FORM, 1),
    (b"vid=1", FORM + "; charset=UTF-8", Shape.FORM, 1),
])
def test_a_body_is_what_its_first_byte_says(client: Client, body: bytes, content_type: str,
                                            shape: Shape, events: int) -> None:
    outcome = client.post(body, content_type=content_type)
    assert 200 == outcome.status
    assert outcome.hit is not None
    assert (shape, events, ()) == (outcome.hit.shape, outcome.hit.events, outcome.hit.refused)
    assert body.removeprefix(b"\xef\xbb\xbf") == outcome.hit.body


@pytest.mark.parametrize("event", [
    b'{"a":1,"a":2}', b'{"a":"\\u0000"}', b'{"a":123456789012345678901234567890}', b'{"a":1e999}',
    b'{"a":-0.5E-3}', '{"größe":"äöü 😀"}'.encode(), b'{"a":"\\ud83d\\ude00"}', b'{"a":"\x7f"}',
    b'{"":{"":[null,true,false]}}', b'{"a":' + b"[" * 63 + b"]" * 63 + b"}",
    b'{"a":"' + b"[" * 1000 + b'"}', b'{"a":"\\"' + b"{" * 1000 + b'\\\\"}',
    b'{"a":"' + b":" * 20_000 + b'"}', b'{"vid":{},"sid":[]}', b'{"vid":true,"sid":null}',
    b'{"vid":1e999,"sid":' + b"9" * 500 + b"}",
])
@pytest.mark.parametrize("form", ["%b", "[%b]", "%b\n%b"])
@pytest.mark.parametrize("route", ["tr", "str"])
def test_valid_json_within_bounds_is_taken(client: Client, event: bytes, form: str,
                                           route: str) -> None:
    body = form.encode().replace(b"%b", event)
    assert 200 == client.post(body, f"/tr/v1/{route}/").status


BROKEN = [
    b"{", b'{"a":}', b'{"a":1,}', b"{'a':1}", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}',
    b'{"a":"\x01"}', b'{"a":"\n"}', b'{"a":01}', b'{"a":1.}', b'{"a":"\\x"}', b"{} x", b"{}{}",
    b'{"a":tru}', b'{"a" 1}', b"{}\x00", b'{"a":"\\u12"}', b"[", b"[{}", b"[{},]", b'[{}, {"a":}]',
    b"[{}]]", b"hello", b"1", b'"text"', b"null", b"\x00", b"vid=1&b=2", b'{"a":"\\ud83d',
]


@pytest.mark.parametrize("body", BROKEN)
@pytest.mark.parametrize("route", ["tr", "str"])
def test_what_is_not_json_is_refused(client: Client, body: bytes, route: str) -> None:
    outcome = client.post(body, f"/tr/v1/{route}/")
    assert (400, "not_json") == (outcome.status, outcome.error)


@pytest.mark.parametrize("body", [b'{"a":"\xff"}', b'[{"a":"\xc3("}]', b"\xff\xfe{\x00}\x00",
                                  b'{"a":"\xed\xa0\x80"}', b"a=\xff"])
def test_what_is_not_utf8_is_refused(client: Client, body: bytes) -> None:
    assert "not_utf8" == client.post(body, content_type=FORM).error


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_a_post_that_says_nothing_is_refused(client: Client, body: bytes) -> None:
    outcome = client.post(body)
    assert (400, "empty_body") == (outcome.status, outcome.error)
    assert "empty_body" == client.post(body, "/tr/v1/tr/vid").error


def test_in_place_of_an_empty_body_the_url_speaks(client: Client) -> None:
    hit = client.post(b"", "/tr/v1/tr/vid/1").hit
    assert hit is not None
    assert (Shape.NONE, b"", 1) == (hit.shape, hit.body, hit.events)
    hit = client.post(b" ", "/tr/v1/tr/?vid=1&ename=x").hit
    assert hit is not None
    assert (Shape.FORM, b"vid=1&ename=x") == (hit.shape, hit.body)


def test_a_get_is_an_event_without_body(client: Client) -> None:
    hit = client.send("GET", "/tr/v1/tr/?a=1", b"not looked at").hit
    assert hit is not None
    assert (Shape.NONE, b"", 1) == (hit.shape, hit.body, hit.events)


def test_half_an_emoji_does_not_lose_the_event(client: Client) -> None:
    hit = client.post(rb'{"a":"x\ud83d","b":"\\ud83d","c":"\udc00\ud83d\ude00"}').hit
    assert hit is not None
    assert (rb'{"a":"x\ufffd","b":"\\ud83d","c":"\ufffd\ud83d\ude00"}') == hit.body
    for body in (rb'[{"a":"\ud83d"},{}]', b'{"a":"\\uD83D"}\n{}\n'):
        outcome = client.post(body)
        assert 200 == outcome.status
        assert outcome.hit is not None
        assert 2 == outcome.hit.events


# Batches.

@pytest.mark.parametrize(("body", "refused"), [
    (b"[{},1]", {1: "not_an_object"}),
    (b'[null,{},"x",[],true,{"a":1}]', {0: "not_an_object", 2: "not_an_object",
                                        3: "not_an_object", 4: "not_an_object"}),
    (b'[{"a":' + b"[" * 64 + b"]" * 64 + b"},{}]", {0: "too_deep"}),
    (b"[{},{" + b",".join(b'"%d":1' % n for n in range(2001)) + b"}]", {1: "too_many_keys"}),
    (b'{"a":1}\nnonsense\n\n{"b":2}\n[]', {1: "not_json", 3: "not_an_object"}),
    (b'{"a":\n{"a":1}\n{"b":2}', {0: "not_json"}),
    (b"{}\n" + b'{"a":' * 5000 + b"\n{}", {1: "too_deep"}),
    (b'{}\n{"a":' + b"{}" * 2000 + b"}", {1: "not_json"}),
])
def test_of_a_batch_the_good_events_are_taken(client: Client, body: bytes,
                                              refused: dict[int, str]) -> None:
    outcome = client.post(body)
    assert 207 == outcome.status
    assert outcome.hit is not None
    assert tuple(refused) == outcome.hit.refused
    assert outcome.json["accepted"] == outcome.hit.events
    assert outcome.accepted is not None
    assert outcome.accepted.events == outcome.hit.events
    assert refused == {event["index"]: event["code"] for event in outcome.json["rejected"]}
    assert all({"index", "code", "message", "field"} == event.keys()
               for event in outcome.json["rejected"])


@pytest.mark.parametrize(("body", "code"), [
    (b"[]", "empty_batch"), (b"[1]", "not_an_object"), (b"[[],[]]", "not_an_object"),
    (b"{\n{\n{", "not_json"), (b"\n[\n", "not_json"),
    (b'{\n "a": 1\n "b": 2\n}', "not_json"),
    (b'{\n"a":\n{}\n,\n{}\n', "not_json"),  # one broken object, not a batch with good lines
])
def test_a_batch_without_a_good_event_is_refused(client: Client, body: bytes, code: str) -> None:
    outcome = client.post(body)
    assert (400, code) == (outcome.status, outcome.error)


def test_lines_that_are_called_so_may_begin_with_a_bad_one(client: Client) -> None:
    outcome = client.post(b"oops\n{}", content_type="application/x-ndjson")
    assert 207 == outcome.status
    assert "empty_body" == client.post(b"\n", content_type="application/x-ndjson").error


def test_too_many_events_are_refused(client: Client) -> None:
    assert 200 == client.post(b"[" + b",".join([b"{}"] * 10_000) + b"]").status
    outcome = client.post(b"[" + b",".join([b"{}"] * 10_001) + b"]")
    assert (413, "too_many_events") == (outcome.status, outcome.error)
    assert "too_many_events" == client.post(b"\n".join([b"{}"] * 10_001)).error


# Bounds.

@pytest.mark.parametrize("body", [
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    b"[" * 10_000 + b"]" * 10_000,
    b"[" * 2_000_000,
    b'{"a":' * 600_000,
    b'[{},{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}]",
    b'[{},{"a":' + b"[" * 300 + b"]" * 300 + b"}]",
    b'{"a":' + b"[" * 64 + b"]" * 64 + b"}",
    b'{"a":"\\\\",' * 1 + b'"b":' + b'[{"c":"]}",' .replace(b",", b',"d":') * 33 + b"1" + b"}]" * 33
    + b"}",
])
def test_deep_nesting_is_refused_quickly(client: Client, body: bytes) -> None:
    started = time.perf_counter()
    outcome = client.post(body)
    assert time.perf_counter() - started < 2
    assert (400, "too_deep") == (outcome.status, outcome.error)


@pytest.mark.parametrize(("text", "depth"), [
    (b"{}", 1), (b'{"a":[{}]}', 3), (b'{"a":"[[[[","b":"\\"[["}', 1), (b'{"a":[[],[[]]]}', 4),
    (b"[" * 8 + b"]" * 8, 8), (b"[" * 9 + b"]" * 9, 9), (b"[[],[" + b"[" * 60 + b"]" * 62, 62),
    (b'{"a":"\\\\","b":[]}', 2), (b'{"]":[[{"[":"]"}]]}', 4),
])
def test_depth_counts_brackets_outside_of_texts(text: bytes, depth: int) -> None:
    assert depth == bodies.depth_of(bodies.outline_of(text))


def test_keys_are_counted_at_all_levels(client: Client) -> None:
    def nested(count: int) -> bytes:
        return json.dumps({"params": {str(n): n for n in range(count - 1)}}).encode()

    assert 200 == client.post(nested(2000)).status
    assert "too_many_keys" == client.post(nested(2001)).error
    assert "too_many_keys" == client.post(b"&".join([b"a=1"] * 2001), content_type=FORM).error
    assert "too_many_keys" == client.get("/tr/v1/tr/?" + "&" * 2000).error
    assert "too_many_keys" == client.get("/tr/v1/tr/" + "a/" * 4001).error


def test_a_million_keys_are_refused_quickly(client: Client) -> None:
    started = time.perf_counter()
    body = b"{" + b",".join(b'"%x":1' % n for n in range(400_000)) + b"}"
    assert "too_many_keys" == client.post(body).error
    client = Client(IntakeSettings(body_bytes=32 << 20))
    body = b"{" + b",".join(b'"%x":1' % n for n in range(1_000_000)) + b"}"
    assert "too_many_keys" == client.post(body).error
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("body", [b'{"a":"' + b"x" * 10_000_000 + b'"}', b" " * 10_000_000])
def test_a_body_of_ten_megabytes_is_too_large(client: Client, body: bytes) -> None:
    outcome = client.post(body)
    assert (413, "body_too_large") == (outcome.status, outcome.error)


def test_a_body_may_be_exactly_as_large_as_the_bound() -> None:
    client = Client(IntakeSettings(body_bytes=100))
    assert 200 == client.post(b'{"a":"' + b"x" * 92 + b'"}').status
    assert 413 == client.post(b'{"a":"' + b"x" * 93 + b'"}').status
