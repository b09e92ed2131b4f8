"""Spool records are hits as they were written, or none."""

import msgspec
import pytest

from harness.refining import make_hit
from tracker.hit import decode_hit, encode_hit

RECORD = encode_hit(make_hit(b"{}", address="192.0.2.1"))


def test_a_hit_comes_back_as_it_was_written() -> None:
    assert make_hit(b"{}", address="192.0.2.1") == decode_hit(RECORD)


@pytest.mark.parametrize("record", [
    b"", b"{}", b"\x90", RECORD[:-1],
    RECORD.replace(b"192.0.2.1", b"192.0.2.\xff"),
    b"\x9c" + RECORD[1:] + b"\x91" * 5_000 + b"\xc0",
], ids=["nothing", "JSON", "no fields", "cut off", "not UTF-8", "nested deeply"])
def test_bytes_that_no_version_wrote_are_no_hit(record: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_hit(record)
