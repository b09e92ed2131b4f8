"""Messages between processes: each a length and MessagePack, over a Unix socket."""

import asyncio
from typing import Final, TypeVar

import msgspec

MOST_BYTES: Final = 16 << 20
"""Of one message; a statement has 1 MiB, a load of links the 4 MiB of a body."""

_LENGTH_BYTES: Final = 8

M = TypeVar("M", bound=msgspec.Struct)


def framed(content: bytes) -> bytes:
    """`content` behind its length."""
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content


def packed(message: msgspec.Struct) -> bytes:
    """A message as it is sent."""
    return framed(msgspec.msgpack.encode(message))


async def receive(source: asyncio.StreamReader, kind: type[M]) -> M:
    """The next message, which must be of this kind; raises OSError for one that is too long."""
    size = await _size(source)
    if size > MOST_BYTES:
        raise OSError(f"a message of {size} bytes")
    return msgspec.msgpack.decode(await source.readexactly(size), type=kind)


async def piece(source: asyncio.StreamReader) -> bytes:
    """The next content behind its length, of whatever size."""
    return await source.readexactly(await _size(source))


async def _size(source: asyncio.StreamReader) -> int:
    return int.from_bytes(await source.readexactly(_LENGTH_BYTES), "big")
