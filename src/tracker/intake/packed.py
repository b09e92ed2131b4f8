"""LZ4 messages, unpacked no further than the bound; a length that lies costs no memory."""

import lz4.block
import lz4.frame

from tracker.errors import RequestRefused

PREFIX = 4
"""Bytes of the length that stands before a raw block: unsigned, the lowest byte first."""

FRAME_MAGIC = b"\x04\x22\x4d\x18"
"""How the LZ4 frame format begins; as a length before a block it would be 407 million."""

MOST_PER_BYTE = 255
"""What one byte of a block can become at most, as LZ4 counts lengths."""


def unpack(data: bytes, limit: int) -> bytes:
    """The text in a binary message: a block behind its length, or one whole LZ4 frame.

    Raises `RequestRefused` for what is neither, or has more than `limit` bytes; `MemoryError` where
    the machine has none left, which says nothing of the message.
    """
    if data.startswith(FRAME_MAGIC):
        return _frame(data, limit)
    if len(data) <= PREFIX:
        raise _broken("it is too short")
    size = int.from_bytes(data[:PREFIX], "little")
    if size > MOST_PER_BYTE * len(data):
        raise _broken("its length cannot be that of what follows")
    if size > limit:
        raise RequestRefused(413, "message_too_large", f"The message says that it unpacks to {size}"
                             f" bytes; {limit} are the most. Send it in parts.")
    try:
        text: bytes = lz4.block.decompress(data[PREFIX:], uncompressed_size=size)
    except (lz4.block.LZ4BlockError, ValueError):
        raise _broken("what follows its length is no block of that length") from None
    if len(text) != size:
        raise _broken("its length is not that of what follows")
    return text


def _frame(data: bytes, limit: int) -> bytes:
    frame = lz4.frame.LZ4FrameDecompressor()
    try:
        text: bytes = frame.decompress(data, max_length=limit + 1)
    except (RuntimeError, ValueError, EOFError):
        raise _broken("it begins like an LZ4 frame and is none") from None
    if len(text) > limit:
        raise RequestRefused(413, "message_too_large", f"The message unpacks to more than {limit}"
                             " bytes, the most that is taken; send it in parts.")
    if not frame.eof or frame.unused_data:
        raise _broken("it is not exactly one LZ4 frame")
    return text


def _broken(why: str) -> RequestRefused:
    return RequestRefused(400, "not_lz4", f"A binary message must be LZ4: 4 bytes of length, lowest"
                          f" first, then one block; or one LZ4 frame. This one is not: {why}.")
