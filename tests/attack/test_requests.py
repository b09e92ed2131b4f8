"""Requests that are odd, broken, huge or many: each gets its answer, and the next one works."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.attack import Goods, check_error, chunked, event, landed, post, raw
from harness.process import TrackerProcess
from harness.worker import Client

pytestmark = pytest.mark.server

MANY = [f"x-{number}: {number}" for number in range(6_000)]


@pytest.mark.parametrize(("request_", "status", "code"), [
    (raw("POST", "/tr/v1/tr/", b"{}", *MANY), 431, "headers_too_large"),
    (raw("GET", "/ping", b"", *MANY), 431, "headers_too_large"),
    (raw("POST", "/tr/v1/tr/", b"{}", "x-long: " + "a" * 70_000), 431, "headers_too_large"),
    (raw("POST", "/tr/v1/tr/?a=" + "b" * 20_000, b"{}"), 414, "target_too_long"),
    (raw("GET", "/" + "b" * 70_000), 414, "target_too_long"),
    (raw("POST", "/tr/v1/tr/", b"0\r\n\r\n", "Transfer-Encoding: chunked"), 400,
     "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", "Content-Length: 3"), 400, "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", "Content-Length: -2", length=False), 400,
     "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", "Content-Length: two", length=False), 400,
     "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", "Content-Length: 9" + "9" * 30, length=False), 413,
     "body_too_large"),
    (chunked([b"{}"]).replace(b"\r\n2\r\n", b"\r\nzz\r\n"), 400, "malformed_request"),
    (chunked([b"{}"]).replace(b"\r\n2\r\n", b"\r\n-2\r\n"), 400, "malformed_request"),
    (chunked([b"{}"]).replace(b"chunked", b"chunked, gzip"), 400, "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", "Transfer-Encoding : chunked"), 400, "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", b"x: a\x00b"), 400, "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", "no colon"), 400, "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", version="2.0"), 400, "malformed_request"),
    (raw("POST", "/tr/v1/tr/", b"{}", version="9"), 400, "malformed_request"),
    (raw("FOO", "/tr/v1/tr/", b"{}"), 400, "malformed_request"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 600, 400, "malformed_request"),
    (b"\x00" * 100, 400, "malformed_request"),
    (b"GET\r\n\r\n", 400, "malformed_request"),
    (raw("PATCH", "/tr/v1/tr/", b"{}"), 405, "method_not_allowed"),
    (raw("DELETE", "/tr/v1/tr/"), 405, "method_not_allowed"),
    (raw("TRACE", "/tr/v1/tr/"), 405, "method_not_allowed"),
    (raw("DELETE", "/ping"), 405, "method_not_allowed"),
    (raw("POST", "//tr/v1/tr/", b"{}"), 404, "not_found"),
    (raw("POST", "/tr/v1/../v1/tr/", b"{}"), 404, "not_found"),
    (raw("POST", "/tr%2Fv1%2Ftr/", b"{}"), 404, "not_found"),
    (raw("GET", "/tr/v1/pub/../../../../etc/passwd"), 404, "not_found"),
    (raw("GET", "/tr/v1/pub/%2e%2e/%2e%2e/etc/passwd"), 404, "not_found"),
    (raw("GET", "/tr/v1/pub/..%2f..%2fetc%2fpasswd"), 404, "not_found"),
    (raw("GET", "/tr/v1/pub/%00"), 404, "not_found"),
    (raw("GET", "/tr/v1/rdr/?url=https://evil.example/"), 400, "redirect_refused"),
    (raw("GET", "/tr/v1/rdr/?url=%0d%0aSet-Cookie:a=b"), 400, "redirect_refused"),
], ids=lambda value: repr(value)[:45])
def test_a_bad_request_gets_its_answer(tracker: TrackerProcess, goods: Goods, request_: bytes,
                                       status: int, code: str) -> None:
    with Client(tracker.port) as client:
        client.send(request_)
        check_error(client.answer(), status, code)
    goods.send()


@pytest.mark.parametrize("target", [
    "http://tracker.test/tr/v1/tr/", "/tr/v1/tr", "/tr/v1/tr/a/%2F/b/..", "/tr/v1/tr//",
    "/tr/v1/tr/?%00=%ff&=&&&a",
])
def test_an_odd_target_of_a_tracking_route_is_recorded(
    tracker: TrackerProcess, goods: Goods, target: str,
) -> None:
    with Client(tracker.port) as client:
        assert 200 == client.ask(post(goods.body(), target=target)).status
        goods.send(client)


def test_http_1_0_is_answered_and_closed(tracker: TrackerProcess, goods: Goods) -> None:
    with Client(tracker.port) as client:
        body = goods.body().encode()
        assert 200 == client.ask(raw("POST", "/tr/v1/tr/", body, version="1.0")).status
        assert client.is_closed()


def test_pipelined_requests_are_answered_in_order(tracker: TrackerProcess, goods: Goods) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012x}" for number in range(300)]
    bodies = [f'{{"eid":"{eid}","params":{{"k":"pipe-{number}"}}}}'
              for number, eid in enumerate(ids)]
    with Client(tracker.port) as client:
        client.send(b"".join(post(body, target="/tr/v1/str/") for body in bodies))
        assert ids == [client.answer().json() for _ in ids]
        goods.send(client)
    tracker.flush()
    assert {f"pipe-{number}": 1 for number in range(300)} == landed(tracker, "pipe-%")


def test_good_and_bad_pipelined_requests_are_told_apart(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    with Client(tracker.port) as client:
        client.send(post(goods.body()) + post("{") + raw("GET", "/ping") + chunked([b"[1]"])
                    + post(goods.body()) + raw("HEAD", "/tr/v1/tr/"))
        assert [200, 400, 200, 400, 200] == [client.answer().status for _ in range(5)]
        assert 200 == client.answer("HEAD").status


def test_a_body_cut_off_is_not_accepted(tracker: TrackerProcess, goods: Goods) -> None:
    for request in (post('{"params":{"k":"cut-1"}}'), chunked([b'{"params":{"k":"cut-2"}}'])):
        with Client(tracker.port) as client:
            client.send(request[:-3])
            client.socket.shutdown(socket.SHUT_WR)
            assert client.is_closed()
    tracker.flush()
    assert {} == landed(tracker, "cut-%")
    goods.send()


def test_five_hundred_connections_at_once_are_served(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    clients = [Client(tracker.port) for _ in range(500)]
    for client in clients:
        client.send(post(goods.body()))
    assert {200} == {client.answer().status for client in clients}
    for client in clients:
        client.close()


def test_a_flood_of_refused_requests_leaves_room_for_good_ones(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    def flood(_: int) -> None:
        with Client(tracker.port) as client:
            for _ in range(200):
                assert 400 == client.ask(post("{" * 500)).status

    with ThreadPoolExecutor(8) as pool:
        floods = [pool.submit(flood, number) for number in range(8)]
        for _ in range(20):
            goods.send()
        for one in floods:
            one.result()


def test_events_of_a_batch_keep_their_ids_at_the_answer_and_in_the_store(
    tracker: TrackerProcess,
) -> None:
    with Client(tracker.port) as client:
        body = f"[{','.join(repr(event('ids')).replace(chr(39), chr(34)) for _ in range(20))}]"
        ids = client.ask(post(body, target="/tr/v1/str/")).json()
    tracker.flush()
    rows = tracker.sql("SELECT eid FROM sfpla.events WHERE params.k = 'ids'")
    assert sorted(ids) == sorted(row["eid"] for row in rows)
