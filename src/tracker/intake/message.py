"""What passes between the door and the intake: a request in, an answer or a record out."""

from typing import NamedTuple

Headers = tuple[tuple[bytes, bytes], ...]

REASONS = {
    200: b"OK", 204: b"No Content", 207: b"Multi-Status", 302: b"Found", 400: b"Bad Request",
    403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed", 408: b"Request Timeout",
    410: b"Gone",
    413: b"Content Too Large", 414: b"URI Too Long", 415: b"Unsupported Media Type",
    426: b"Upgrade Required", 429: b"Too Many Requests", 431: b"Request Header Fields Too Large",
    500: b"Internal Server Error", 503: b"Service Unavailable",
}


class Request(NamedTuple):
    """One complete request.

    `target`  the raw request target
    `head`    request line and headers as received, each line ended by CRLF, no empty line
    `body`    raw, still content-coded
    `peer`    address of the socket's other end, as text
    `secure`  it came by TLS
    """

    method: bytes
    target: bytes
    head: bytes
    body: bytes
    peer: str
    secure: bool


class Answer:
    """One response; keeps its bytes, as most are sent many times."""

    __slots__ = ("_date", "_lines", "_wire", "body", "headers", "length", "status")

    def __init__(self, status: int, headers: Headers = (), body: bytes = b"",
                 length: int | None = None) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.length = len(body) if length is None else length
        self._lines = b""  # status and headers, once they were needed
        self._wire = b""  # of the most common kind: HTTP/1.1, kept alive, made at `_date`
        self._date = b""

    def encode(self, keep_alive: bool, http10: bool = False, date: bytes = b"") -> bytes:
        """The response as it goes over an HTTP/1 connection; `date` as RFC 9110, 6.6.1 has it."""
        if not keep_alive or http10:
            return self._encode(keep_alive, http10, date)
        if self._date is not date or not self._wire:
            self._wire, self._date = self._encode(keep_alive, http10, date), date
        return self._wire

    def _encode(self, keep_alive: bool, http10: bool, date: bytes) -> bytes:
        start = b"HTTP/1.0 " if http10 else b"HTTP/1.1 "
        dated = b"date: %b\r\n" % date if date else b""
        kept = (b"connection: close\r\n" if not keep_alive
                else b"connection: keep-alive\r\n" if http10 else b"")
        return b"".join((start, self._lines or self._write(), dated, kept, b"\r\n", self.body))

    def _write(self) -> bytes:
        """The lines that are the same in every kind of response, but for the version."""
        self._lines = b"%d %b\r\n%bcontent-length: %d\r\n" % (
            self.status, REASONS.get(self.status, b"-"), _lines_of(self.headers), self.length)
        return self._lines

    def with_headers(self, headers: Headers) -> "Answer":
        """The same answer with `headers` added."""
        answer = Answer(self.status, self.headers + headers, self.body, self.length)
        answer._lines = (self._lines or self._write()) + _lines_of(headers)
        return answer

    def without_body(self) -> "Answer":
        """The same answer as HEAD gets it: the length of a body that is not sent."""
        return Answer(self.status, self.headers, b"", self.length)


def _lines_of(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class Accepted(NamedTuple):
    """A hit to be made durable, and the answer that goes out when it is.

    `record`  the encoded hit for the spool
    `events`  how many events it holds
    `file`    the answer is a file below the route's path, which the application serves
    """

    record: bytes
    answer: Answer
    events: int
    file: bool = False
