"""Requests that two parsers could cut differently are refused, at the door and behind it."""

import pytest

from harness.attack import Goods, check_error, landed
from harness.process import TrackerProcess
from harness.worker import Client

pytestmark = pytest.mark.server

BODY = b'{"params":{"k":"smuggled"}}'
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"
PING = b"GET /ping HTTP/1.1\r\nHost: tracker.test\r\n\r\n"

DOUBTFUL = {
    "length and chunks": (LENGTH + CHUNKED, CHUNK + END),
    "chunks and length": (CHUNKED + b"Content-Length: 4\r\n", CHUNK + END),
    "chunked twice": (CHUNKED + CHUNKED, CHUNK + END),
    "chunked, identity": (b"Transfer-Encoding: chunked, identity\r\n" + LENGTH, BODY),
    "xchunked": (b"Transfer-Encoding: xchunked\r\n" + LENGTH, BODY),
    "vertical tab before chunked": (b"Transfer-Encoding: \x0bchunked\r\n" + LENGTH, BODY),
    "chunked on a folded line": (b"Transfer-Encoding:\r\n chunked\r\n", CHUNK + END),
    "space before the colon": (b"Transfer-Encoding : chunked\r\n" + LENGTH, BODY),
    "no coding named": (b"Transfer-Encoding:\r\n" + LENGTH, BODY),
    "chunked behind a bare LF": (b"X: y\nTransfer-Encoding: chunked\r\n" + LENGTH, BODY),
    "length twice": (LENGTH + LENGTH, BODY),
    "lengths that differ": (LENGTH + b"Content-Length: 5\r\n", BODY),
    "a list of lengths": (b"Content-Length: 27, 27\r\n", BODY),
    "length with a sign": (b"Content-Length: +27\r\n", BODY),
    "length in hexadecimal": (b"Content-Length: 0x1b\r\n", BODY),
    "length of two words": (b"Content-Length: 2 7\r\n", BODY),
    "length on a folded line": (b"Content-Length:\r\n 27\r\n", BODY),
    "length behind a bare CR": (b"X: a\rContent-Length: 5\r\n" + LENGTH, BODY),
    "a folded header": (b"X: a\r\n b\r\n" + LENGTH, BODY),
    "NUL in a header": (b"X: \0\r\n" + LENGTH, BODY),
    "chunk with 0x": (CHUNKED, b"0x" + CHUNK + END),
    "chunk with a sign": (CHUNKED, b"-" + CHUNK + END),
    "chunks ended by LF": (CHUNKED, CHUNK.replace(b"\r\n", b"\n") + b"0\n\n"),
    "chunk longer than said": (CHUNKED, CHUNK[:-2] + b"XX" + END),
    "line end in an extension": (CHUNKED, CHUNK.replace(b"\r\n", b';a="\r\n"\r\n', 1) + END),
    "length behind the chunks": (CHUNKED, CHUNK + b"0\r\nContent-Length: 5\r\n\r\n"),
}


@pytest.mark.parametrize("before", [b"", PING], ids=["at the door", "behind the door"])
@pytest.mark.parametrize("doubtful", DOUBTFUL)
def test_a_doubtful_request_ends_its_connection(tracker: TrackerProcess, goods: Goods,
                                                doubtful: str, before: bytes) -> None:
    headers, body = DOUBTFUL[doubtful]
    request = b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: tracker.test\r\n" + headers + b"\r\n" + body
    with Client(tracker.port) as client:
        if before:
            assert b"pong" == client.ask(before).body
        client.send(request + PING)
        check_error(client.answer(), 400, "malformed_request")
        assert client.is_closed()  # what stood behind it is no request of anyone's
    goods.send()


def test_nothing_doubtful_was_accepted(tracker: TrackerProcess) -> None:
    tracker.flush()

    assert {} == landed(tracker, "smuggled")
