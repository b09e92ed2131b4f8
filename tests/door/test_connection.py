"""The door over real sockets: framing, order, bounds, slow and vanishing clients."""

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.worker import BODY, POST, Worker, settings_for, working
from tracker.settings import DoorSettings

GET = b"GET /tr/v1/tr/ename/seen HTTP/1.1\r\nHost: tracker.test\r\n\r\n"
HEAD_END = b"\r\n\r\n"


def test_an_answer_means_that_the_hit_is_on_disk(worker: Worker) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        response = client.ask(POST)

    assert response.status == 200
    assert response.body == b""
    hits = worker.hits()
    assert len(hits) == before + 1
    assert hits[-1].body == BODY
    assert hits[-1].address == "127.0.0.1"
    assert hits[-1].head.startswith(b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: tracker.test\r\n")
    assert hits[-1].head.endswith(b"Content-Length: 16\r\n")


def test_one_connection_carries_many_requests(worker: Worker) -> None:
    with worker.connect() as client:
        statuses = [client.ask(request).status for request in (POST, GET, POST, POST, GET)]

    assert statuses == [200] * 5


@pytest.mark.parametrize("request_bytes", [POST, GET])
def test_a_request_may_be_cut_at_every_byte(worker: Worker, request_bytes: bytes) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(request_bytes)):
            client.send(request_bytes[:cut])
            time.sleep(0.001)
            client.send(request_bytes[cut:])
            assert client.answer().status == 200

    assert len(worker.hits()) == before + len(request_bytes) - 1


def test_a_request_may_come_byte_by_byte(worker: Worker) -> None:
    with worker.connect() as client:
        client.send(*(POST[i:i + 1] for i in range(len(POST))))

        assert client.answer().status == 200


def test_pipelined_requests_are_answered_in_order(worker: Worker) -> None:
    bad = POST.replace(BODY, b'{"ename":"seen",')
    ids = b"POST /tr/v1/str/ HTTP/1.1\r\nHost: h\r\nContent-Length: 16\r\n\r\n" + BODY
    with worker.connect() as client:
        client.send(POST + bad + ids + GET + bad + POST)
        answers = [client.answer() for _ in range(6)]

    assert [a.status for a in answers] == [200, 400, 200, 200, 400, 200]
    assert len(answers[2].json()) == 36


def test_many_pipelined_requests_come_through_a_full_buffer(worker: Worker) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        client.send(*[POST * 100] * 15)
        statuses = {client.answer().status for _ in range(1500)}

    assert statuses == {200}
    assert len(worker.hits()) == before + 1500


def test_a_client_that_reads_late_gets_all_its_answers(worker: Worker) -> None:
    bad = POST.replace(BODY, b'{"ename":"seen",')
    last = POST.replace(b"Host", b"Connection: close\r\nHost")
    with worker.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        sending = threading.Thread(target=client.send, args=[*[POST + bad * 300] * 400, last])
        sending.start()
        sending.join(2)  # until all buffers are full
        assert sending.is_alive()
        answers = client.take(-1)
        sending.join()

    assert answers.count(b"HTTP/1.1 400 ") == 400 * 300
    assert answers.count(b"HTTP/1.1 200 ") == 400 + 1


def test_a_client_may_be_given_any_time_to_take_an_answer(tmp_path: Path) -> None:
    with working(settings_for(tmp_path, DoorSettings(write_seconds=1e9))) as worker, \
            worker.connect() as client:
        assert client.ask(POST).status == 200


def test_refusals_do_not_pile_up_on_the_stack(worker: Worker) -> None:
    bad = POST.replace(BODY, b'{"ename":"seen",')
    with worker.connect() as client:
        client.send(bad * 1500)

        assert {client.answer().status for _ in range(1500)} == {400}


def test_a_batch_larger_than_one_packet_arrives_whole(worker: Worker) -> None:
    body = b"[" + b",".join([BODY] * 5000) + b"]"
    request = (b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body))
    with worker.connect() as client:
        assert client.ask(request + body).status == 200

    assert worker.hits()[-1].body == body
    assert worker.hits()[-1].events == 5000


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(worker: Worker) -> None:
    head, body = POST.split(HEAD_END)
    with worker.connect() as client:
        client.send(head + b"\r\nExpect: 100-continue" + HEAD_END)

        assert client.line() == b"HTTP/1.1 100 Continue\r\n"
        assert client.line() == b"\r\n"
        assert client.ask(body).status == 200


@pytest.mark.parametrize(("version", "header", "stays", "says"), [
    (b"1.1", b"", True, None),
    (b"1.1", b"Connection: close\r\n", False, "close"),
    (b"1.0", b"", False, "close"),
    (b"1.0", b"Connection: keep-alive\r\n", True, "keep-alive"),
])
def test_connections_stay_as_the_client_wishes(worker: Worker, version: bytes, header: bytes,
                                               stays: bool, says: str | None) -> None:
    request = POST.replace(b"HTTP/1.1\r\n", b"HTTP/" + version + b"\r\n" + header)
    with worker.connect() as client:
        response = client.ask(request)

        assert response.headers.get("connection") == says
        if stays:
            assert client.ask(POST).headers.get("connection") is None
        else:
            assert client.is_closed()


def test_empty_lines_between_requests_are_skipped(worker: Worker) -> None:
    with worker.connect() as client:
        client.send(POST + b"\r\n" + b"\r\n" + POST + b"\r\n")

        assert [client.answer().status, client.answer().status] == [200, 200]
        assert client.ask(POST).status == 200


def test_a_body_that_looks_like_a_head_is_a_body(worker: Worker) -> None:
    body = b'{"ename":"\\r"}\r\n\r\n'
    lower = b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\ncontent-length: %d\r\n\r\n" % len(body)
    with worker.connect() as client:
        client.ask(lower + body + b"\r\n" + POST)
        client.answer()

    hit = worker.hits()[-2]
    assert hit.head == lower[:-2]


MALFORMED = {
    "bare line feeds": POST.replace(b"\r\n", b"\n"),
    "line feed behind the version": POST.replace(b"1.1\r\n", b"1.1\n"),
    "NUL in a value": POST.replace(b"tracker.test", b"tracker\0test"),
    "NUL in a name": POST.replace(b"Host", b"Ho\0st"),
    "NUL in the target": POST.replace(b"/tr/ ", b"/tr/\0 "),
    "length and chunks": POST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"),
    "two lengths": POST.replace(b"Host", b"Content-Length: 2\r\nHost"),
    "the same length twice": POST.replace(b"Host", b"Content-Length: 16\r\nHost"),
    "a negative length": POST.replace(b"16", b"-16"),
    "a length with a sign": POST.replace(b"16", b"+16"),
    "a length in hexadecimal": POST.replace(b"16", b"0x10"),
    "a length with a space before the colon": POST.replace(b"Length:", b"Length :"),
    "a folded header": POST.replace(b"tracker.test", b"tracker\r\n .test"),
    "a header without a name": POST.replace(b"Host:", b":"),
    "an unknown method": POST.replace(b"POST", b"BREW"),
    "a method in lower case": POST.replace(b"POST", b"post"),
    "no version": POST.replace(b" HTTP/1.1", b""),
    "a version in the next line": b"GET /tr/v1/img/a\r\nX:/b HTTP/1.1\r\nHost: h" + HEAD_END,
    "HTTP/3.7": POST.replace(b"HTTP/1.1", b"HTTP/3.7"),
    "bytes in the target": POST.replace(b"/tr/ ", b"/tr/\xff\xfe "),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "prose": b"hello, is it me you are looking for?\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("cut", [0, 7, 60])
def test_what_is_not_http_is_refused_and_closed(worker: Worker, request_bytes: bytes,
                                                cut: int) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        client.send(request_bytes[:cut])
        time.sleep(0.002 if cut else 0)
        client.send(request_bytes[cut:])
        response = client.answer()

        assert (response.status, response.code) == (400, "malformed_request")
        assert response.headers["connection"] == "close"
        assert client.is_closed()
    with worker.connect() as client:
        assert client.ask(POST).status == 200
    assert len(worker.hits()) == before + 1


def test_a_body_announced_too_large_is_refused_before_it_is_sent(hasty: Worker) -> None:
    with hasty.connect() as client:
        client.send(b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: 2001\r\n\r\n")
        response = client.answer()

        assert (response.status, response.code) == (413, "body_too_large")
        assert response.headers["access-control-allow-origin"] == "*"


def test_a_refused_client_that_goes_on_sending_still_gets_its_answer(worker: Worker) -> None:
    size = 10_000_000
    with worker.connect() as client:
        client.send(b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        client.send(*[bytes(100_000)] * 20)
        time.sleep(0.05)
        client.send(*[bytes(100_000)] * 20)

        assert client.answer().status == 413


@pytest.mark.parametrize(("request_bytes", "status", "code"), [
    (b"GET /tr/v1/tr/" + b"a" * 20_000, 414, "target_too_long"),
    (b"GET /tr/v1/tr/" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 414, "target_too_long"),
    (GET[:-2] + b"X: y\r\n" * 1000, 431, "headers_too_large"),
    (GET[:-2] + b"X: y\r\n" * 1000 + b"\r\n", 431, "headers_too_large"),
])
def test_heads_are_bounded(hasty: Worker, request_bytes: bytes, status: int, code: str) -> None:
    with hasty.connect() as client:
        response = client.ask(request_bytes)

        assert (response.status, response.code) == (status, code)
        assert client.is_closed()


def test_a_silent_connection_is_closed(hasty: Worker) -> None:
    with hasty.connect() as client:
        assert client.is_closed()


def test_an_idle_connection_is_closed_after_its_answer(hasty: Worker) -> None:
    with hasty.connect() as client:
        assert client.ask(POST).status == 200
        start = time.monotonic()
        assert client.is_closed()

    assert time.monotonic() - start > 0.8


def test_a_head_that_drips_is_cut_off(hasty: Worker) -> None:
    with hasty.connect() as client:
        client.send(POST[:15])
        client.socket.settimeout(0.05)
        for _ in range(200):  # it must not help to go on dripping
            client.send(b"x")
            with contextlib.suppress(TimeoutError):
                if client.socket.recv(1, socket.MSG_PEEK):
                    break
        client.socket.settimeout(5)
        response = client.answer()

        assert (response.status, response.code) == (408, "head_too_slow")


@pytest.mark.parametrize("drip", [b"", b" "])
def test_a_body_that_stalls_or_drips_is_cut_off(hasty: Worker, drip: bytes) -> None:
    with hasty.connect() as client:
        client.send(b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(8):
            client.send(drip)
            time.sleep(0.05)
        response = client.answer()

        assert (response.status, response.code) == (408, "body_too_slow")
    assert hasty.hits() == []
    assert hasty.edge.door.reserved == 0


def test_a_client_that_does_not_read_is_cut_off(hasty: Worker) -> None:
    door = hasty.edge.door
    with hasty.connect() as client:
        assert client.ask(POST).status == 200
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(0.2)
        bad = POST.replace(BODY, b'{"ename":"seen",')
        deadline = time.monotonic() + 60
        while door.connections and time.monotonic() < deadline:
            # What the client is told depends: a full window can keep the end from it for minutes.
            with contextlib.suppress(TimeoutError, ConnectionError):
                client.send(bad * 1000)
        assert door.connections == 0
    with hasty.connect() as client:
        assert client.ask(POST).status == 200


def test_connections_above_the_bound_are_told_to_come_back(hasty: Worker) -> None:
    clients = [hasty.connect() for _ in range(20)]
    try:
        assert all(client.ask(POST).status == 200 for client in clients)
        with hasty.connect() as late:
            response = late.answer()
            assert (response.status, response.code) == (503, "too_many_connections")
            assert response.headers["retry-after"] == "1"
    finally:
        for client in clients:
            client.close()


def test_a_client_that_hangs_up_before_its_answer_harms_nobody(worker: Worker) -> None:
    before = len(worker.hits())
    gone = [worker.connect() for _ in range(20)]
    stay = [worker.connect() for _ in range(20)]
    for one, other in zip(gone, stay, strict=True):
        one.send(POST)
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.close()
        other.send(POST)
    assert [client.answer().status for client in stay] == [200] * 20
    for client in stay:
        client.close()
    assert len(worker.hits()) >= before + 20


def test_a_client_that_ends_its_side_still_gets_its_answer(worker: Worker) -> None:
    with worker.connect() as client:
        client.send(POST)
        client.socket.shutdown(socket.SHUT_WR)

        assert client.answer().status == 200
        assert client.is_closed()


def test_a_spool_that_refuses_is_said_and_recovers(hasty: Worker) -> None:
    large = b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1900\r\n\r\n{"
    with hasty.connect() as client, hasty.connect() as other:
        hasty.call(hasty.edge.spool.block, "the budget is spent")
        refused = client.ask(POST)
        early = other.ask(large)
        hasty.call(hasty.edge.spool.block, None)

        assert (refused.status, refused.code) == (503, "unavailable")
        assert refused.headers["retry-after"] == "1"
        assert early.status == 503
        assert client.ask(POST).status == 200
    assert len(hasty.hits()) == 1


def test_a_fault_of_ours_is_answered_and_does_not_stay(
        hasty: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("alice@example.com")

    with monkeypatch.context() as patch:
        patch.setattr(hasty.edge.door, "accept", fail)
        with hasty.connect() as client:
            response = client.ask(POST)
            assert (response.status, response.code) == (500, "internal_error")
            assert client.is_closed()
    with hasty.connect() as client:
        assert client.ask(POST).status == 200
    assert hasty.edge.door.errors == 1


def test_a_fault_in_one_answer_leaves_the_rest_of_the_group(
        hasty: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        aborted = False

        def settled(self, _: object) -> None:
            raise RuntimeError

        def abort(self) -> None:
            self.aborted = True

    broken = Broken()
    hasty.call(hasty.edge.spool.append, b"x", broken)
    with hasty.connect() as client:
        assert client.ask(POST).status == 200
    assert broken.aborted


def test_a_stop_answers_what_is_in_flight(hasty: Worker) -> None:
    with hasty.connect() as idle, hasty.connect() as busy:
        idle.ask(POST)
        busy.send(POST[:-1])
        time.sleep(0.1)
        stopped = hasty.submit(hasty.edge.door.stop(3))
        assert idle.is_closed()
        busy.send(POST[-1:])

        assert busy.answer().status == 200
        assert busy.is_closed()
        stopped.result(5)


@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"POST ", b"GET ", b"/tr/v1/tr/", b" HTTP/1.1", b"\r\n", b"\n", b":",
                              b"Content-Length", b"16", b"Transfer-Encoding: chunked", b" ",
                              b"Connection: upgrade\r\nUpgrade: h2c", b"/ping", b"{}", b"0\r\n\r\n",
                              BODY, POST, GET, b"\0"]), max_size=25).map(b"".join)))
def test_the_door_survives_any_bytes(worker: Worker, junk: bytes) -> None:
    with worker.connect() as client:
        client.send(junk)
        client.socket.shutdown(socket.SHUT_WR)
        try:
            while client.socket.recv(65536):
                pass
        except ConnectionError:
            pass
    with worker.connect() as client:
        assert client.ask(POST).status == 200
    assert worker.edge.door.errors == 0


def test_counts_tell_what_was_answered(hasty: Worker) -> None:
    with hasty.connect() as client:
        for request in (POST, GET, POST.replace(BODY, b'{"ename":"seen",')):
            client.ask(request)
        snapshot = hasty.call(hasty.edge.snapshot)

    counts = snapshot.counts.door
    assert counts.requests == {"tr 200": 2, "tr 400": 1}
    assert (counts.hits, counts.events, counts.connections) == (2, 2, 1)
    assert snapshot.connections == 1


def test_no_answer_waits_for_the_file_that_tells_how_the_worker_stands(hasty: Worker) -> None:
    draft = hasty.settings.data_directory / "run" / "w0.new"
    os.mkfifo(draft)  # who writes it waits for a reader, as for a disk that does not answer
    times = []
    with hasty.connect() as client:
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            began = time.monotonic()
            assert client.ask(POST).status == 200
            times.append(time.monotonic() - began)
            time.sleep(0.02)
    told = draft.read_bytes()

    assert told.startswith(b"{")
    assert max(times) < 0.9  # of a look a second each waited before
