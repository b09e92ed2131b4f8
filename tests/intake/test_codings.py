"""Content codings: what they hold is taken, bombs and wrecks are refused."""

import gzip
import time
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from harness.intake import Client, Outcome
from tracker.intake import Request
from tracker.settings import IntakeSettings

EVENT = b'{"vid":"v","ename":"page_view","text":"' + b"lorem ipsum " * 20 + b'"}'


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def unsized_zstd(data: bytes) -> bytes:
    packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd without size": ("zstd", unsized_zstd),
}


def send(coding: str, body: bytes, settings: IntakeSettings | None = None) -> Outcome:
    return Client(settings).post(body, content_encoding=coding)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("event", [EVENT, b"{}"])
def test_a_packed_body_is_kept_unpacked(name: str, event: bytes) -> None:
    coding, pack = PACKERS[name]
    hit = send(coding, pack(event)).hit
    assert hit is not None
    assert event == hit.body


@pytest.mark.parametrize("coding", ["identity", "", "Identity, identity"])
def test_identity_is_no_coding(coding: str) -> None:
    assert 200 == send(coding, EVENT).status


def test_codings_may_stand_one_over_the_other() -> None:
    assert 200 == send("gzip, br", brotli.compress(gzip.compress(EVENT))).status
    assert 400 == send("br, gzip", brotli.compress(gzip.compress(EVENT))).status
    head = (b"POST /tr/v1/tr/ HTTP/1.1\r\nContent-Encoding: gzip\r\ncontent-encoding: zstd\r\n")
    body = zstandard.ZstdCompressor().compress(gzip.compress(EVENT))
    client = Client()
    assert 200 == client.pass_on(Request(b"POST", b"/tr/v1/tr/", head, body, "", False)).status


@pytest.mark.parametrize("coding", ["compress", "gzip, lzma", "gzip;q=1", ", ".join(["gzip"] * 5)])
def test_an_unknown_coding_is_refused_with_those_that_are_known(coding: str) -> None:
    outcome = send(coding, gzip.compress(EVENT))
    assert (415, "content_encoding") == (outcome.status, outcome.error)
    assert "gzip, deflate, br, zstd" == outcome.headers["accept-encoding"]
    assert "gzip, deflate, br, zstd" in outcome.json["error"]["message"]


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_body_that_is_cut_off_is_refused(name: str) -> None:
    coding, pack = PACKERS[name]
    packed = pack(EVENT)
    for end in range(1, len(packed) - 1):
        outcome = send(coding, packed[:end])
        assert (400, "content_encoding") == (outcome.status, outcome.error)


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_body_with_something_behind_it_is_refused(name: str) -> None:
    coding, pack = PACKERS[name]
    outcome = send(coding, pack(EVENT) + b"more")
    assert (400, "content_encoding") == (outcome.status, outcome.error)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("body", [b"junk", b"\x00" * 100, b"{}", bytes(range(256))])
def test_what_is_not_packed_as_it_says_is_refused(coding: str, body: bytes) -> None:
    assert "content_encoding" == send(coding, body).error


def test_an_empty_body_needs_no_unpacking() -> None:
    assert "empty_body" == send("gzip", b"").error


def test_gzip_of_several_members_is_one_body() -> None:
    assert 200 == send("gzip", gzip.compress(EVENT[:9]) + gzip.compress(EVENT[9:])).status
    many = gzip.compress(b" ") * 100_000
    assert "content_encoding" == send("gzip", many).error


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_is_too_large(name: str) -> None:
    coding, pack = PACKERS[name]
    bomb = pack(b" " * 300_000_000)
    started = time.perf_counter()
    outcome = send(coding, bomb)
    assert time.perf_counter() - started < 1
    assert (413, "body_too_large") == (outcome.status, outcome.error)


def test_a_bomb_in_a_bomb_is_too_large() -> None:
    bomb = gzip.compress(gzip.compress(b" " * 100_000_000))
    assert 413 == send("gzip, gzip", bomb).status


@pytest.mark.parametrize("name", PACKERS)
def test_the_bound_counts_unpacked_bytes(name: str) -> None:
    coding, pack = PACKERS[name]
    settings = IntakeSettings(body_bytes=len(EVENT))
    assert 200 == send(coding, pack(EVENT), settings).status
    assert 413 == send(coding, pack(EVENT + b" "), settings).status
