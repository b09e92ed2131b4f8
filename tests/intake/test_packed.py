"""LZ4 messages come out whole or not at all, and a length that lies takes no memory."""

import tracemalloc
from typing import Any

import lz4.block
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import RequestRefused
from tracker.intake.packed import FRAME_MAGIC, unpack

LIMIT = 1 << 20
TEXT = b'{"ename":"view","params":{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}' * 10
BLOCK = lz4.block.compress(TEXT, store_size=False)


def length(size: int) -> bytes:
    return size.to_bytes(4, "little")


@given(st.binary(max_size=5000).map(lambda data: data * 3))
def test_what_was_packed_comes_out(data: bytes) -> None:
    assert data == unpack(lz4.block.compress(data), LIMIT)
    assert data == unpack(lz4.frame.compress(data), LIMIT)


@given(st.binary(max_size=300))
def test_other_bytes_are_refused_or_as_long_as_they_say(data: bytes) -> None:
    try:
        text = unpack(data, LIMIT)
    except RequestRefused:
        return
    assert len(text) == int.from_bytes(data[:4], "little")


@pytest.mark.parametrize(("data", "code"), [
    (b"", "not_lz4"),
    (length(0), "not_lz4"),
    (length(len(TEXT) + 1) + BLOCK, "not_lz4"),
    (length(len(TEXT) - 1) + BLOCK, "not_lz4"),
    (length(0) + BLOCK, "not_lz4"),
    (length(LIMIT) + BLOCK, "not_lz4"),
    (length(LIMIT + 1) + BLOCK, "not_lz4"),
    (length(2**32 - 1) + BLOCK, "not_lz4"),
    (BLOCK, "not_lz4"),
    (length(len(TEXT)) + BLOCK[:-1], "not_lz4"),
    (FRAME_MAGIC, "not_lz4"),
    (FRAME_MAGIC + BLOCK, "not_lz4"),
    (lz4.frame.compress(TEXT)[:-1], "not_lz4"),
    (lz4.frame.compress(TEXT) + b"x", "not_lz4"),
    (lz4.frame.compress(bytes(LIMIT + 1)), "message_too_large"),
    (lz4.block.compress(bytes(LIMIT + 1)), "message_too_large"),
])
def test_a_lie_is_named(data: bytes, code: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        unpack(data, LIMIT)
    assert code == caught.value.code


def test_a_length_beyond_what_can_follow_takes_no_memory() -> None:
    lie = length(200 << 20) + BLOCK
    tracemalloc.start()
    try:
        with pytest.raises(RequestRefused):
            unpack(lie, 1 << 30)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_as_much_as_may_be_is_taken() -> None:
    assert bytes(LIMIT) == unpack(lz4.block.compress(bytes(LIMIT)), LIMIT)
    assert bytes(LIMIT) == unpack(lz4.frame.compress(bytes(LIMIT)), LIMIT)


@pytest.mark.parametrize("data", [lz4.block.compress(TEXT), lz4.frame.compress(TEXT)],
                         ids=["block", "frame"])
def test_no_message_is_refused_for_good_as_memory_is_short(
    data: bytes, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client would never send it again."""
    def failing(*_: Any, **__: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr(lz4.block, "decompress", failing)
    monkeypatch.setattr(lz4.frame, "LZ4FrameDecompressor", failing)
    with pytest.raises(MemoryError):
        unpack(data, LIMIT)
