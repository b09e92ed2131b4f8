"""Where a request begins and ends, as llhttp judges it; nothing here parses by itself."""

from enum import IntEnum

import httptools

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD_END = b"\r\n\r\n"


class Verdict(IntEnum):
    """What some bytes are, taken from the start of a request."""

    WHOLE = 0
    """Exactly one request, nothing missing and nothing behind it."""
    OTHER = 1
    """Less than a request, or more than one."""
    UPGRADE = 2
    MALFORMED = 3


# As plain names: a member looked up in its class costs the hot path several times as much.
WHOLE, OTHER, UPGRADE, MALFORMED = Verdict


class Framing:
    """llhttp for all connections of a worker.

    One parser can serve them all, as it is always fed a whole request: after one it stands at the
    start again, and after anything else it is replaced. Headers are skipped over, not called for.
    """

    def __init__(self) -> None:
        self.body = b""
        self.keep_alive = True
        self._begun = 0
        self._ended = 0
        self._renew()

    def judge(self, data: bytes) -> Verdict:
        """Feed `data`; after WHOLE, `body` and `keep_alive` are those of the request."""
        self._begun = self._ended = 0
        self.body = b""
        try:
            self._feed(data)
        except httptools.HttpParserUpgrade:
            self._renew()
            return UPGRADE
        except httptools.HttpParserError:
            self._renew()
            return MALFORMED
        # llhttp skips line ends before and behind a request without a word; but who cuts the head
        # off by the length of the body must find nothing around the two.
        end = len(data) - len(self.body) - 4
        if (self._begun == 1 == self._ended and data.startswith(HEAD_END, end)
                and data[end - 1] != 10 and data[0] > 32):
            if not self.keep_alive:
                self._renew()
            return WHOLE
        self._renew()
        return OTHER

    def _renew(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._feed = self._parser.feed_data

    # What llhttp calls while it is fed.

    def on_message_begin(self) -> None:
        """A request starts."""
        self._begun += 1

    def on_body(self, body: bytes) -> None:
        """A piece of the body; the whole, when it was fed in one piece and not chunked."""
        self.body = self.body + body if self.body else body

    def on_chunk_header(self) -> None:
        """The body is chunked: what was fed is more than a head and its body."""
        self._begun += 1

    def on_message_complete(self) -> None:
        """A request is complete; only now does the parser know whether the connection stays."""
        self._ended += 1
        self.keep_alive = self._parser.should_keep_alive()


def content_length(head: bytes) -> int | None:
    """The announced length of the body, 0 when there is none that can be read.

    `head` is in lower case and ends with the CRLF of its last header. None: the body is chunked
    or coded in another way. What is wrong in it is for llhttp to say.
    """
    if b"\r\ntransfer-encoding:" in head:
        return None
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    start = at + len(b"\r\ncontent-length:")
    digits = head[start:head.find(b"\r\n", start)].strip()
    return int(digits[:20]) if digits.isdigit() else 0


def without_upgrade(head: bytes) -> bytes:
    """The head less its wish for another protocol, which may be passed over (RFC 9110, 7.8)."""
    return b"".join(line for line in head.splitlines(keepends=True)
                    if line[:8].lower() != b"upgrade:")
