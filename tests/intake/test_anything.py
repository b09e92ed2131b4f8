"""Whatever comes, it is taken, answered or refused; what is taken can be read again."""

import json
import string
from urllib.parse import parse_qsl

from hypothesis import example, given
from hypothesis import strategies as st

from harness.intake import Client, Outcome
from tracker.hit import Hit, Shape
from tracker.intake import Request
from tracker.settings import IntakeSettings

SMALL = IntakeSettings(body_bytes=4_096, events_per_request=20, json_depth=5, keys_per_event=12,
                       domains=("shop.example",), allow_origin="https://a.example",
                       default_redirect="https://home.example/")

METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE"])
TARGETS = st.builds(
    lambda route, rest: b"/tr/v1/" + route + b"/" + rest,
    st.sampled_from([b"tr", b"str", b"img", b"rdr", b"xrdr", b"pub", b"no"]),
    st.lists(st.sampled_from([b"vid", b"sid", b"eid", b"url", b"/", b"?", b"&", b"=", b"%", b"%2F",
                              b"%ff", b"\xff", b"a", b"https://shop.example", b"igqp", b"%00"]),
             max_size=12).map(b"".join))
FIELDS = st.lists(st.tuples(
    st.sampled_from([b"Cookie", b"User", b"Content-Type", b"Content-Encoding", b"Authorization",
                     b"X-Forwarded-For", b"Forwarded", b"Origin"]),
    st.binary(max_size=30) | st.sampled_from([
        b"vid=1; sid=2", b'{"vid":1}', b"application/x-ndjson", b"gzip", b"br", b"zstd", b"deflate",
        b"application/x-www-form-urlencoded", b"https://a.example"])), max_size=4)

TEXTS = st.text(alphabet=string.ascii_letters + '"\\[]{}:,é\ud83d\x00', max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10**20, 10**20) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10)
EVENTS = st.dictionaries(st.sampled_from(["vid", "sid", "eid", "VID", "a", "b"]), VALUES,
                         max_size=4)
JSON_BODIES = st.one_of(
    EVENTS.map(json.dumps), st.lists(EVENTS | VALUES, max_size=25).map(json.dumps),
    st.lists(EVENTS | VALUES, max_size=25).map(lambda rows: "\n".join(map(json.dumps, rows))),
).map(str.encode)
PIECES = st.lists(st.sampled_from([
    b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u", b"\\ud83d", b":", b",", b"\n", b"\r", b" ", b"1",
    b"-", b"e9", b"null", b"\xff", b"\xc3\xa9", b"\x00", b'"a":1', b'"vid":"v"', b"{}", b'{"a":[]}',
    b"\x0b", b"\xef\xbb\xbf", b"=", b"&", b"\x1c", b"\x85"]), max_size=30).map(b"".join)
BODIES = st.binary(max_size=200) | JSON_BODIES | PIECES


def pass_on(method: bytes, target: bytes, fields: list[tuple[bytes, bytes]],
            body: bytes) -> Outcome:
    lines = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % field for field in fields)]
    head = b"\r\n".join(lines) + b"\r\n"
    return Client(SMALL).pass_on(Request(method, target, head, body, "192.0.2.1", False))


def check(outcome: Outcome) -> None:
    wire = outcome.answer.encode(True)
    head, _, body = wire.partition(b"\r\n\r\n")
    assert body == outcome.answer.body
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    if outcome.status >= 400:
        assert outcome.hit is None
        if body:
            assert {"error"} == json.loads(body).keys()
    if outcome.hit is not None:
        check_readable(outcome.hit)


def check_readable(hit: Hit) -> None:
    """What is taken is what its shape says, as whoever reads it later will see it."""
    refused = set(hit.refused)
    if hit.shape == Shape.NONE:
        assert (b"", 1) == (hit.body, hit.events)
        return
    if hit.shape == Shape.FORM:
        parse_qsl(hit.body.decode("utf-8", "replace"), keep_blank_values=True)
        assert 1 == hit.events
        return
    if hit.shape == Shape.OBJECT:
        rows = [json.loads(hit.body)]
    elif hit.shape == Shape.ARRAY:
        rows = json.loads(hit.body)
    else:
        lines = [line for line in hit.body.splitlines() if line.strip()]
        rows = [None if index in refused else json.loads(line)
                for index, line in enumerate(lines)]
    assert len(rows) - len(refused) == hit.events > 0
    assert all(isinstance(row, dict) for index, row in enumerate(rows) if index not in refused)
    json.dumps(rows, ensure_ascii=False).encode()  # no half surrogate pair is left


@given(METHODS, TARGETS, FIELDS, BODIES)
def test_any_request_has_an_answer(method: bytes, target: bytes,
                                   fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    check(pass_on(method, target, fields, body))


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=120),
       st.binary(max_size=60), st.text(max_size=20))
def test_arbitrary_bytes_have_an_answer(method: bytes, target: bytes, head: bytes, body: bytes,
                                        peer: str) -> None:
    for tracked in (target, b"/tr/v1/tr/" + target, b"/tr/v1/rdr/?url=" + target):
        for known in (method, b"GET", b"POST"):
            check(Client(SMALL).pass_on(Request(known, tracked, head, body, peer, False)))


@given(BODIES, st.sampled_from([b"tr", b"str", b"img"]))
@example(b'{"a":"\\ud83d"}', b"tr")
@example(b"{}\r{}\x0b\n{}\x85", b"str")
@example(b"{}\n\x1c\n{}", b"tr")
def test_a_body_that_is_taken_can_be_read(body: bytes, route: bytes) -> None:
    check(pass_on(b"POST", b"/tr/v1/" + route + b"/", [], body))


@given(EVENTS)
def test_every_event_within_the_bounds_is_taken(event: dict[str, object]) -> None:
    outcome = Client().post(json.dumps(event).encode())
    assert 200 == outcome.status
    assert outcome.hit is not None
    assert 1 == outcome.hit.events
