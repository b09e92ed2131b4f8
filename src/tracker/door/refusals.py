"""What the door refuses of a request, and with which words."""

from tracker.errors import RequestRefused

LINE_BYTES = 16 << 10
"""The longest request line; what is no longer in all may take the short way."""

AHEAD_BYTES = 64 << 10
"""What a client may send ahead of its answer before its socket is read no more."""

JUDGED_BYTES = 2 << 10
"""What is no request is refused as soon as this much has come, not at the end of its head."""

BODY_STEP = 16 << 10
"""How much of a body must come within `body_seconds`, and again within the next ones."""

LINGER_SECONDS = 2.0
"""How long what a refused client still sends is read and dropped, so that it gets its answer."""

ALWAYS = ("400 malformed_request", "408 head_too_slow body_too_slow", "413 body_too_large",
          "414 target_too_long", "431 headers_too_large", "500 internal_error",
          "503 too_many_connections unavailable")
"""Status and codes that any request may be answered with."""


def too_many_connections() -> RequestRefused:
    """The bound of connections is reached."""
    return RequestRefused(503, "too_many_connections",
                          "There are too many connections; try again later.")


def malformed() -> RequestRefused:
    """What came is no request."""
    return RequestRefused(400, "malformed_request", "This is not HTTP/1.1.")


def head_too_large(head: bytes, limit: int) -> RequestRefused:
    """The bound of the request line, or the one of all headers, `limit` bytes, is passed."""
    if head.find(b"\r\n", 0, LINE_BYTES + 2) < 0:
        return RequestRefused(414, "target_too_long",
                              f"The request line may have {LINE_BYTES} bytes.")
    return RequestRefused(431, "headers_too_large", f"The headers may have {limit} bytes together.")


def body_too_large(limit: int) -> RequestRefused:
    """More than `limit` bytes of body are announced."""
    return RequestRefused(413, "body_too_large", f"The body may have {limit} bytes; send less.")


def head_too_slow() -> RequestRefused:
    """The headers did not come in their time."""
    return RequestRefused(408, "head_too_slow", "The headers came too slowly.")


def body_too_slow() -> RequestRefused:
    """The body did not keep its pace."""
    return RequestRefused(408, "body_too_slow", "The body came too slowly.")
