"""Content codings of request bodies, inflated no further than the bound."""

import zlib
from collections.abc import Callable

import brotli
import zstandard

from tracker.errors import RequestRefused

SUPPORTED = "gzip, deflate, br, zstd"
NOTHING = (b"", b"identity")
MAX_CODINGS = 4  # one over the other; more is an attack, not a client
MAX_MEMBERS = 64  # of a gzip file; each may be empty and yet costs time
ZSTD_WINDOW_BYTES = 8 << 20  # what RFC 9659 lets a sender ask for


def decode(body: bytes, field: bytes, limit: int) -> bytes:
    """The body with the codings of a Content-Encoding `field` taken off, the last one first."""
    names = [name for part in field.lower().split(b",") if (name := part.strip()) not in NOTHING]
    if len(names) > MAX_CODINGS or any(name not in _DECODERS for name in names):
        raise RequestRefused(415, "content_encoding", f"Content-Encoding can be {SUPPORTED}, at"
                             f" most {MAX_CODINGS} of them one over the other.", "content-encoding")
    for name in reversed(names):
        try:
            body = _DECODERS[name](body, limit)
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
            raise RequestRefused(400, "content_encoding", f"The body is not whole or not"
                                 f" {name.decode()}: {error}.", "content-encoding") from None
        if len(body) > limit:
            raise too_large(limit)
    return body


def too_large(limit: int) -> RequestRefused:
    """The refusal of a body that is, or unpacks to, more than `limit` bytes."""
    return RequestRefused(413, "body_too_large", f"The body is larger than {limit} bytes, the most"
                          " that is taken; send it in parts.")


# Each decoder returns the whole of what `body` holds, or more than `limit` bytes of it.

def _gzip(body: bytes, limit: int) -> bytes:
    out = b""
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        out += member.decompress(body, limit + 1 - len(out))
        if len(out) > limit or (member.eof and not member.unused_data):
            return out
        if not member.eof:
            raise EOFError("it ends too early")
        body = member.unused_data
    raise EOFError(f"it has more than {MAX_MEMBERS} members")


def _deflate(body: bytes, limit: int) -> bytes:
    try:
        return _zlib(body, limit, zlib.MAX_WBITS)
    except zlib.error:  # some senders leave the zlib wrapper out
        return _zlib(body, limit, -zlib.MAX_WBITS)


def _zlib(body: bytes, limit: int, wbits: int) -> bytes:
    stream = zlib.decompressobj(wbits=wbits)
    out = stream.decompress(body, limit + 1)
    if len(out) <= limit:
        _must_be_whole(stream.eof, stream.unused_data)
    return out


def _brotli(body: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    out: bytes = stream.process(body, output_buffer_limit=limit + 1)
    while len(out) <= limit and not stream.is_finished() and not stream.can_accept_more_data():
        out += stream.process(b"", output_buffer_limit=limit + 1 - len(out))
    if len(out) <= limit:
        _must_be_whole(stream.is_finished(), b"")
    return out


def _zstd(body: bytes, limit: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    out = decompressor.stream_reader(body).read(limit + 1)
    if len(out) <= limit:  # the reader is bounded but silent about a frame that is cut off
        frame = decompressor.decompressobj()
        out = frame.decompress(body)
        _must_be_whole(frame.eof, frame.unused_data)
    return out


def _must_be_whole(ended: bool, behind: bytes) -> None:
    if not ended:
        raise EOFError("it ends too early")
    if behind:
        raise EOFError("something stands behind its end")


_DECODERS: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"gzip": _gzip, b"x-gzip": _gzip, b"deflate": _deflate, b"br": _brotli, b"zstd": _zstd,
}
