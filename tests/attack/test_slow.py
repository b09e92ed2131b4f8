"""Clients that are slow, silent or deaf are ended in time; all others are served meanwhile."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from harness.attack import Goods, check_error, memory, post, raw, worker_of
from harness.process import TrackerProcess, running
from harness.worker import Client

pytestmark = pytest.mark.server

SLOW = 1.5
PATIENCE = 15.0
FILLING = 60.0  # what fills a client's buffers: hundreds of answers, each after a sync


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    with running(tmp_path_factory.mktemp("slow"), Workers=1, ReadHeaderTimeoutSeconds=SLOW,
                 ReadTimeoutSeconds=SLOW, WriteTimeoutSeconds=SLOW,
                 IdleTimeoutSeconds=SLOW * 2) as tracker:
        yield tracker


def drip(client: Client, data: bytes) -> None:
    """Byte by byte, until the other side says enough."""
    until = time.monotonic() + PATIENCE
    for at in range(len(data)):
        try:
            client.send(data[at:at + 1])
        except OSError:
            return
        client.socket.settimeout(0.1)
        try:
            if client.socket.recv(1, 2):  # MSG_PEEK
                break
        except TimeoutError:
            pass
        if time.monotonic() > until:
            raise AssertionError("a slow client was borne for too long")
    client.socket.settimeout(PATIENCE)


CHUNK = b"1\r\n \r\n" * 500


@pytest.mark.parametrize(("fast", "slow", "code"), [
    (b"", raw("POST", "/tr/v1/tr/", b"", *["x: y"] * 100), "head_too_slow"),
    (b"", raw("GET", "/ping", b"", *["x: y"] * 100), "head_too_slow"),
    (post(b" " * 1000)[:-1000], b" " * 999, "body_too_slow"),
    (raw("POST", "/tr/v1/tr/", b"", "Transfer-Encoding: chunked", length=False), CHUNK,
     "body_too_slow"),
], ids=["head", "head of a page", "body", "chunks"])
def test_what_comes_byte_by_byte_is_refused(
    tracker: TrackerProcess, goods: Goods, fast: bytes, slow: bytes, code: str,
) -> None:
    with Client(tracker.port) as client:
        client.send(fast)
        dripping = threading.Thread(target=drip, args=(client, slow))
        dripping.start()
        goods.send()
        dripping.join(PATIENCE + 5)
        check_error(client.answer(), 408, code)


def test_a_silent_client_is_hung_up_on(tracker: TrackerProcess, goods: Goods) -> None:
    with Client(tracker.port) as silent, Client(tracker.port) as idle:
        goods.send(idle)
        assert silent.is_closed()
        assert idle.is_closed()


@pytest.mark.parametrize("request_", [
    post('[{},1]' + " " * 500), raw("GET", "/metrics"), raw("OPTIONS", "/tr/v1/tr/"),
    raw("GET", "/tr/v1/img/"),
], ids=["207", "metrics", "preflight", "pixel"])
def test_a_client_that_never_reads_is_cut_off(tracker: TrackerProcess, goods: Goods,
                                              request_: bytes) -> None:
    before = memory(worker_of(tracker))
    with Client(tracker.port) as client:
        client.socket.settimeout(FILLING)
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # else seconds of work are in them
            client.socket.setsockopt(socket.SOL_SOCKET, buffer, 1 << 16)
        until = time.monotonic() + FILLING
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < until:
                client.socket.sendall(request_ * 100)
        assert time.monotonic() < until, "it waits for a client that never reads"
    assert memory(worker_of(tracker)) - before < 60
    goods.send()
