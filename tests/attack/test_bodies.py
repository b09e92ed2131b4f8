"""Bad bodies get a clear answer, cost little, and the next request works and lands."""

import gzip
import json
import selectors
import zlib
from collections.abc import Callable
from contextlib import ExitStack

import brotli
import pytest
import zstandard

from harness.attack import Goods, check_error, chunked, event, landed, memory, post, worker_of
from harness.process import TrackerProcess
from harness.worker import Client

pytestmark = pytest.mark.server

DEEP = 10_000
ZEROS = b"0" * (200 << 20)
BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip, gzip": lambda data: gzip.compress(gzip.compress(data)),
}


def keys(count: int) -> bytes:
    return b"{%b}" % b",".join(b'"%x":1' % number for number in range(count))


@pytest.mark.parametrize(("body", "status", "code"), [
    (b'{"a":', 400, "not_json"),
    (b'{"a":1}}', 400, "not_json"),
    (b'{"a":1,}', 400, "not_json"),
    (b"hello", 400, "not_json"),
    (b"\x00", 400, "not_json"),
    (b'{"a":"\x00"}', 400, "not_json"),
    (b'{"a":"\xff\xfe"}', 400, "not_utf8"),
    (b'{"\xc0\xaf":1}', 400, "not_utf8"),
    (b'{"a":"\xed\xa0\x80"}', 400, "not_utf8"),
    (b"[" * DEEP + b"]" * DEEP, 400, "too_deep"),
    (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 400, "too_deep"),
    (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", 400, "too_deep"),
    (b'{"a":' * DEEP, 400, "too_deep"),
    (keys(1_000_000), 413, "body_too_large"),
    (keys(300_000), 400, "too_many_keys"),
    (b'{"a":NaN}', 400, "not_json"),
    (b'{"a":Infinity}', 400, "not_json"),
    (b'{"a":-Infinity}', 400, "not_json"),
    (b'{"a":01}', 400, "not_json"),
    (b"", 400, "empty_body"),
    (b" \n", 400, "empty_body"),
    (b"[]", 400, "empty_batch"),
    (b'"text"', 400, "not_json"),
    (b"null", 400, "not_json"),
    (b"[1,2,null]", 400, "not_an_object"),
    (b"[%b]" % b",".join([b"{}"] * 10_001), 413, "too_many_events"),
], ids=lambda value: repr(value)[:30])
def test_a_bad_body_is_refused_and_the_connection_goes_on(
    tracker: TrackerProcess, goods: Goods, body: bytes, status: int, code: str,
) -> None:
    with Client(tracker.port) as client:
        check_error(client.ask(post(body)), status, code)
        if status == 400:
            goods.send(client)
    goods.send()


@pytest.mark.parametrize("coding", BOMBS)
def test_a_decompression_bomb_is_refused_and_takes_no_memory(
    tracker: TrackerProcess, goods: Goods, coding: str,
) -> None:
    bomb = BOMBS[coding](ZEROS)
    assert len(bomb) < 1 << 20
    before = memory(worker_of(tracker))
    with Client(tracker.port) as client:
        for _ in range(3):
            check_error(client.ask(post(bomb, f"Content-Encoding: {coding}")), 413,
                        "body_too_large")
        goods.send(client)
    assert memory(worker_of(tracker)) - before < 100
    goods.send()


@pytest.mark.parametrize(("coding", "body", "status"), [
    ("gzip", gzip.compress(b"{}")[:-4], 400), ("gzip", b"{}", 400), ("br", b"{}", 400),
    ("zstd", b"{}", 400), ("deflate", b"{}", 400), ("rot13", b"{}", 415),
    (", ".join(["gzip"] * 50), b"{}", 415),
])
def test_what_cannot_be_unpacked_is_refused(
    tracker: TrackerProcess, goods: Goods, coding: str, body: bytes, status: int,
) -> None:
    with Client(tracker.port) as client:
        check_error(client.ask(post(body, f"Content-Encoding: {coding}")), status,
                    "content_encoding")
        goods.send(client)


def test_ten_megabytes_are_refused_announced_or_chunked(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    piece = b" " * (1 << 20)
    for request in (post(piece * 10), chunked([piece] * 10)):
        with Client(tracker.port) as client:
            client.send(request[:200_000])
            for start in range(200_000, len(request), 200_000):
                try:
                    client.send(request[start:start + 200_000])
                except OSError:
                    break  # it has said no already
            check_error(client.answer(), 413, "body_too_large")
        goods.send()


def test_chunked_bodies_that_never_end_share_one_bound(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    before = memory(worker_of(tracker))
    beginning = chunked([b"a" * (3 << 20)])[:-5]
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(tracker.port)) for _ in range(120)]
        for client in clients:
            client.send(beginning)
        assert memory(worker_of(tracker)) - before < 450  # not 120 times 3 MB and its copies
        waiting = stack.enter_context(selectors.DefaultSelector())
        for client in clients:
            waiting.register(client.socket, selectors.EVENT_READ, client)
        refused = waiting.select(15)[0][0].data
        check_error(refused.answer(), 503, "unavailable")
    goods.send()


def test_a_long_head_is_not_repeated_for_thousands_of_events(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    user = json.dumps({f"k{number}": "v" * 100 for number in range(400)})
    with Client(tracker.port) as client:
        many = b"[%b]" % b",".join([b"{}"] * 10_000)
        check_error(client.ask(post(many, f"User: {user}")), 413, "head_too_large_for_batch")
        few = json.dumps([event(f"head-{number}") for number in range(20)])
        assert 200 == client.ask(post(few, f"User: {user}")).status
        goods.send(client)
    goods.tracker.flush()
    assert 20 == len(landed(tracker, "head-%"))


def test_of_a_batch_the_good_events_land_and_the_bad_ones_are_named(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    deep = '{"a":' + "[" * 100 + "]" * 100 + "}"
    parts = [json.dumps(event("batch-0")), "1", json.dumps(event("batch-2")), "[]", deep, "null",
             json.dumps(event("batch-6"))]
    with Client(tracker.port) as client:
        answer = client.ask(post(f"[{','.join(parts)}]"))
        assert 207 == answer.status
        assert 3 == answer.json()["accepted"]
        assert [1, 3, 4, 5] == [refused["index"] for refused in answer.json()["rejected"]]
        ids = client.ask(post(f"[{','.join(parts[:2])}]", target="/tr/v1/str/")).json()["eids"]
        assert (36, None) == (len(ids[0]), ids[1])
        lines = "\n".join([json.dumps(event("line-0")), "{broken", "", json.dumps(event("line-2"))])
        answer = client.ask(post(lines, "Content-Type: application/x-ndjson"))
        assert 207 == answer.status
        assert [1] == [refused["index"] for refused in answer.json()["rejected"]]
        goods.send(client)
    tracker.flush()
    assert {"batch-0": 2, "batch-2": 1, "batch-6": 1} == landed(tracker, "batch-%")
    assert {"line-0": 1, "line-2": 1} == landed(tracker, "line-%")


def test_ten_thousand_events_land_from_one_body(tracker: TrackerProcess, goods: Goods) -> None:
    body = json.dumps([{"params": {"k": f"many-{number}"}} for number in range(10_000)])
    with Client(tracker.port) as client:
        assert 200 == client.ask(post(body)).status
        goods.send(client)
    tracker.flush()
    assert {1} == set((many := landed(tracker, "many-%")).values())
    assert 10_000 == len(many)
