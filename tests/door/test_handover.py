"""The contract with uvicorn's protocol: connections change hands and nothing is lost."""

import logging
import socket
import time
from importlib.metadata import version

import pytest

from harness.worker import BODY, POST, Worker

PING = b"GET /ping HTTP/1.1\r\nHost: tracker.test\r\n\r\n"
FILE = b"GET /tr/v1/pub/a.txt HTTP/1.1\r\nHost: tracker.test\r\n\r\n"


def chunked(*pieces: bytes) -> bytes:
    """A POST of these chunks."""
    return (b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: tracker.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            + b"0\r\n\r\n")


def test_the_version_is_the_one_that_was_tried() -> None:
    assert version("uvicorn") == "0.54.0"


def test_a_connection_goes_from_the_door_to_the_application_and_keeps_its_order(
        worker: Worker) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        client.send(POST + POST + PING + POST + PING)
        answers = [client.answer() for _ in range(5)]
        later = [client.ask(POST).status, client.ask(PING).body]

    assert [a.status for a in answers] == [200] * 5
    assert [answers[2].body, answers[4].body] == [b"pong", b"pong"]
    assert later == [200, b"pong"]
    assert len(worker.hits()) == before + 4


@pytest.mark.parametrize("wait", [0.0, 0.002])
def test_a_request_for_the_application_may_be_cut_anywhere(worker: Worker, wait: float) -> None:
    for cut in range(1, len(PING)):
        with worker.connect() as client:
            client.send(PING[:cut])
            time.sleep(wait)
            client.send(PING[cut:] + PING)

            assert [client.answer().body, client.answer().body] == [b"pong", b"pong"]


def test_a_chunked_hit_lands_through_the_application(worker: Worker) -> None:
    with worker.connect() as client:
        assert client.ask(chunked(BODY[:5], BODY[5:])).status == 200
        assert client.ask(chunked(BODY)).status == 200
        assert client.ask(POST).status == 200

    hit = worker.hits()[-3]
    assert hit.body == BODY
    assert hit.head == b"POST /tr/v1/tr/ HTTP/1.1\r\nhost: tracker.test\r\n"
    assert hit.address == "127.0.0.1"


def test_chunks_are_taken_in_any_pieces(worker: Worker) -> None:
    request = chunked(BODY[:5], BODY[5:])
    for cut in range(1, len(request), 3):
        with worker.connect() as client:
            client.send(request[:cut])
            time.sleep(0.001)
            client.send(request[cut:])
            assert client.answer().status == 200


def test_a_chunk_that_looks_like_a_request_is_a_body(worker: Worker) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        response = client.ask(chunked(POST))

    assert response.status == 400
    assert len(worker.hits()) == before


def test_a_batch_of_100_kilobytes_lands_through_the_application(worker: Worker) -> None:
    body = b"[" + b",".join([BODY] * 6000) + b"]"
    with worker.connect() as client:
        assert client.ask(PING).body == b"pong"
        client.send(b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
                    % len(body), body)
        assert client.answer().status == 200

    assert worker.hits()[-1].events == 6000


def test_a_file_is_recorded_once_and_served(worker: Worker) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        client.send(FILE + FILE)
        answers = [client.answer("GET"), client.answer("GET")]

    assert [a.body for a in answers] == [b"a file", b"a file"]
    assert len(worker.hits()) == before + 2


def test_an_unfinished_body_above_the_bound_is_refused_behind_the_door(hasty: Worker) -> None:
    with hasty.connect() as client:
        response = client.ask(chunked(bytes(1500), bytes(1500)))

        assert (response.status, response.code) == (413, "body_too_large")
        assert client.is_closed()


def test_a_stalled_body_is_refused_behind_the_door(hasty: Worker) -> None:
    with hasty.connect() as client:
        client.send(chunked(BODY)[:-5])
        response = client.answer()

        assert (response.status, response.code) == (408, "body_too_slow")
        assert client.is_closed()


def test_a_dripping_head_is_cut_off_behind_the_door(hasty: Worker) -> None:
    with hasty.connect() as client:
        assert client.ask(PING).body == b"pong"
        for byte in POST[:5]:
            client.send(bytes([byte]))
            time.sleep(0.05)
        response = client.answer()

        assert (response.status, response.code) == (408, "head_too_slow")


def test_heads_are_bounded_behind_the_door(hasty: Worker) -> None:
    with hasty.connect() as client:
        assert client.ask(PING).body == b"pong"
        try:
            client.send(PING[:-2], *[b"X: y\r\n" * 200] * 10)
            response = client.answer()
        except ConnectionError:  # behind the door a client that goes on sending may be cut off
            return
        assert (response.status, response.code) == (431, "headers_too_large")


def test_an_idle_connection_is_closed_behind_the_door(hasty: Worker) -> None:
    with hasty.connect() as client:
        assert client.ask(PING).body == b"pong"
        assert client.is_closed()


def test_what_is_not_http_is_refused_behind_the_door(worker: Worker) -> None:
    with worker.connect() as client:
        assert client.ask(PING).body == b"pong"
        response = client.ask(b"\x16\x03\x01 hello\r\n\r\n")

        assert (response.status, response.code) == (400, "malformed_request")
        assert client.is_closed()


@pytest.mark.parametrize("cut", [0, 8])
def test_a_hit_that_offers_another_protocol_is_taken_in_this_one(worker: Worker,
                                                                 cut: int) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    request = POST.replace(b"Host", offer + b"Host")
    before = len(worker.hits())
    with worker.connect() as client:
        client.send(request[:len(request) - cut])
        time.sleep(0.002)
        client.send(request[-cut:] if cut else b"", POST)
        assert [client.answer().status, client.answer().status] == [200, 200]
        assert client.ask(PING.replace(b"Host", offer + b"Host")).body == b"pong"

    hits = worker.hits()
    assert len(hits) == before + 2
    assert hits[-2].body == BODY


def test_a_client_that_hangs_up_at_the_application_harms_nobody(worker: Worker) -> None:
    for _ in range(20):
        with worker.connect() as client:
            client.send(chunked(BODY))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with worker.connect() as client:
        assert client.ask(PING).body == b"pong"
    assert worker.edge.door.errors == 0


def test_a_spool_that_refuses_is_said_behind_the_door(hasty: Worker) -> None:
    with hasty.connect() as client:
        hasty.call(hasty.edge.spool.block, "the budget is spent")
        refused = client.ask(chunked(BODY))
        hasty.call(hasty.edge.spool.block, None)

        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert client.ask(chunked(BODY)).status == 200
    assert len(hasty.hits()) == 1


def test_connections_are_counted_once(hasty: Worker) -> None:
    with hasty.connect() as client:
        client.ask(POST)
        client.ask(PING)
        snapshot = hasty.call(hasty.edge.snapshot)
        assert (snapshot.counts.door.connections, snapshot.connections) == (1, 1)


@pytest.mark.parametrize("behind", [b"\0", b"GET\r\n\r\n", b"X" * 100])
def test_a_refusal_while_an_answer_is_made_writes_no_log(
    worker: Worker, caplog: pytest.LogCaptureFixture, behind: bytes,
) -> None:
    with worker.connect() as client:
        client.send(PING + behind)
        assert client.answer().status in {200, 400}
    with worker.connect() as client:
        assert client.ask(PING).body == b"pong"

    assert [] == [record.getMessage() for record in caplog.records
                  if record.levelno >= logging.ERROR]
