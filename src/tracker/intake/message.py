"""What passes between the door and the intake: a request in, an answer or a record out."""

from typing import NamedTuple

Headers = tuple[tuple[bytes, bytes], ...]

REASONS = {
    200: b"OK", 204: b"No Content", 207: b"Multi-Status", 302: b"Found", 400: b"Bad Request",
    404: b"Not Found", 405: b"Method Not Allowed", 408: b"Request Timeout", 410: b"Gone",
    413: b"Content Too Large", 414: b"URI Too Long", 415: b"Unsupported Media Type",
    429: b"Too Many Requests", 431: b"Request Header Fields Too Large",
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

    __slots__ = ("_date", "_wire", "body", "headers", "length", "status")

    def __init__(self, status: int, headers: Headers = (), body: bytes = b"",
                 length: int | None = None) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.length = len(body) if length is None else length
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
        lines = [b"HTTP/1.%d %d %b" % (not http10, self.status, REASONS.get(self.status, b"-"))]
        lines += [b"%b: %b" % header for header in self.headers]
        lines.append(b"content-length: %d" % self.length)
        if date:
            lines.append(b"date: " + date)
        if not keep_alive:
            lines.append(b"connection: close")
        elif http10:
            lines.append(b"connection: keep-alive")
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body

    def with_headers(self, headers: Headers) -> "Answer":
        """The same answer with `headers` added."""
        return Answer(self.status, self.headers + headers, self.body, self.length)

    def without_body(self) -> "Answer":
        """The same answer as HEAD gets it: the length of a body that is not sent."""
        return Answer(self.status, self.headers, b"", self.length)


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
