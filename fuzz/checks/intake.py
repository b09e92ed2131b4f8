"""Requests, bodies and heads as the intake reads them, held against what refining reads later."""

import gzip
import json
import re
import zlib
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import brotli
import zstandard

from fuzz.checks.door import NOW, PEER, SETTINGS, TAIL
from tracker.door import address as door_address
from tracker.errors import RequestRefused
from tracker.hit import Hit, Route, Shape, decode_hit
from tracker.intake import Accepted, Answer, Intake, Request, coding, values
from tracker.intake.address import ClientAddresses, canonical
from tracker.intake.body import BOM, Body, BodyReader, mend_surrogates
from tracker.intake.head import Head
from tracker.intake.redirect import Redirects
from tracker.intake.visitor import cookies
from tracker.refine.coerce import read_text
from tracker.refine.decode import BROKEN
from tracker.refine.decode import _decode as decode_strictly
from tracker.refine.head import read_cookies, read_fields, read_line
from tracker.refine.pairs import read_pairs
from tracker.refine.reading import Reader
from tracker.settings import RefineSettings
from tracker.weburl import parse

_INTAKES = tuple(Intake(settings, TAIL, lambda: NOW) for settings in SETTINGS)
_READER = Reader(RefineSettings())
_BODIES = tuple(BodyReader(settings) for settings in SETTINGS)
_LIMIT: Final = 1 << 16
_CODINGS = ("gzip", "deflate", "br", "zstd", "x-gzip", "gzip, br", "identity,deflate",
            "zstd,zstd,zstd,zstd")
_PROXIES = ClientAddresses((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
_REDIRECTS = Redirects(("shop.example", "xn--bcher-kva.example"), "https://home.example/")
_FIELD_BREAK = re.compile(rb"[\r\n]")


def read_request(data: bytes) -> Request:
    """A request of any bytes: what stands before the first empty line is its head."""
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.partition(b"\r\n")[0].split(b" ")
    target = words[1] if len(words) > 1 else b""
    return Request(words[0], target, head + b"\r\n", body, PEER, len(data) % 2 == 1)


def accept(intake: Intake, request: Request) -> Hit | None:
    """The hit of a request; None where it was refused, or needs none."""
    try:
        accepted = intake.accept(request)
    except RequestRefused as error:
        assert 400 <= error.status < 500
        check_answer(intake.refusal(error, request.head))
        return None
    if isinstance(accepted, Answer):
        check_answer(accepted)
        return None
    assert isinstance(accepted, Accepted)
    check_answer(accepted.answer)
    hit = decode_hit(accepted.record)
    assert hit.events == accepted.events > 0
    return hit


def check_answer(answer: Answer) -> None:
    """No header holds a line end; an error has its shape."""
    for name, value in answer.headers:
        assert _FIELD_BREAK.search(name + value) is None
    if answer.status >= 400 and answer.body:
        assert {"code", "message", "field"} == json.loads(answer.body)["error"].keys()


def check(data: bytes) -> None:
    """What is accepted can be read later, all of it."""
    request = read_request(data)
    for intake in _INTAKES:
        hit = accept(intake, request)
        if hit is not None:
            check_readable(hit)


def check_readable(hit: Hit) -> None:
    """Refining finds every event that was accepted, and no other."""
    frame, _ = _READER.read([hit])
    assert [] == frame.dead
    assert hit.events == len(frame)


def _read(reader: BodyReader, data: bytes, content_type: bytes) -> Body | None:
    try:
        return reader.read(data, content_type)
    except RequestRefused as error:
        assert error.status in {400, 413}
        return None


def _check_body(data: bytes, content_type: bytes) -> None:
    for reader in _BODIES:
        body = _read(reader, data, content_type)
        if body is not None:
            assert body.size > len(body.refused)
            check_readable(Hit(bytes(16), NOW, Route.TR, "", b"POST / HTTP/1.1\r\n", body.data,
                               body.shape, body.size - len(body.refused),
                               tuple(event.index for event in body.refused)))
            if not body.data.startswith(BOM):  # there were two
                again = _read(reader, body.data, content_type)
                assert again is not None
                assert (body.shape, body.size) == (again.shape, again.size)


def check_json(data: bytes) -> None:
    """Bodies without a content type; ids are those that refining finds."""
    _check_body(data, b"application/json")
    assert mend_surrogates(mend_surrogates(data)) == mend_surrogates(data)
    try:
        found = decode_strictly(data)
    except BROKEN:
        return
    json.dumps(found, ensure_ascii=False).encode()
    assert values.from_object(data) == values.pick({
        name: read_text(value) or "" for name, value in found.items()
        if value is not None and name.lower() in values.NAMES})


def check_ndjson(data: bytes) -> None:
    """Bodies that say they are NDJSON."""
    _check_body(data, b"application/x-ndjson")


def check_forms(data: bytes) -> None:
    """Forms; ids are those that refining finds."""
    _check_body(data, b"application/x-www-form-urlencoded")
    assert values.from_form(data) == values.pick(read_pairs(data.decode("utf-8", "replace")))


def check_links(data: bytes) -> None:
    """Path tuples and queries; ids are those that refining finds."""
    target = data.translate(None, b" \r\n\t#\x00")
    if not target.isascii():
        return
    path, _, query = target.partition(b"?")
    line = b"GET /tr/v1/tr/%b HTTP/1.1" % target
    found = read_line(line, "", tuples=True)
    named = {key: value for key, value in found.items() if isinstance(value, str)}
    assert values.from_link(path, query) == values.pick(named)
    values.redirect_target(path, query)


def check_codings(data: bytes) -> None:
    """Only whole bodies come out, never more than the bound, and what was packed comes back."""
    chosen = _CODINGS[data[0] % len(_CODINGS)] if data else ""
    try:
        assert len(coding.decode(data[1:], chosen.encode(), _LIMIT)) <= _LIMIT
    except RequestRefused as error:
        assert error.status in {400, 413, 415}
    coding_name = b"gzip, deflate,br,zstd".split(b",")[len(data) % 4].strip()
    assert data == coding.decode(_PACK[coding_name](data), coding_name, _LIMIT)


_PACK = {
    b"gzip": lambda data: gzip.compress(data, 1),
    b"deflate": lambda data: zlib.compress(data, 1),
    b"br": lambda data: bytes(brotli.compress(data, quality=1)),
    b"zstd": zstandard.ZstdCompressor(1).compress,
}


def check_heads(data: bytes) -> None:
    """Cookies are those that refining finds; what is scrubbed once is clean."""
    lines = [line for line in data.split(b"\n") if line.isascii()]
    raw = b"GET / HTTP/1.1\r\n" + b"".join(
        line.translate(None, b"\r\x00\x0b\x0c\x1c\x1d\x1e\x1f") + b"\r\n" for line in lines if line)
    head = Head(raw)
    scrubbed = head.scrubbed()
    assert Head(scrubbed).scrubbed() == scrubbed
    jar = head.cookies()
    assert Head(scrubbed).cookies() == jar
    read_fields(scrubbed)
    field = b"; ".join(b"%b=%b" % pair for pair in jar.items())
    later = read_cookies(field.decode())
    for name in ("vid", "ehash"):
        sent = jar.get(name.encode(), b"").decode().strip('"')
        assert sent == later.get(name, "")
    for header, value in cookies({}, {}, jar, {}, "own", False):
        assert header == b"set-cookie"
        assert _FIELD_BREAK.search(value) is None


def check_addresses(data: bytes) -> None:
    """An address in canonical text or none, whatever proxies say."""
    text = data.decode("latin-1")
    found = canonical(text)
    assert found == canonical(found)
    if found:
        assert str(ip_address(found)) == found
        assert door_address.canonical(found) == found
    head = Head(b"GET / HTTP/1.1\r\n" + data.translate(None, b"\r").replace(b"\n", b"\r\n")
                + b"\r\n")
    client = _PROXIES.behind_proxy("10.0.0.1", head)
    assert client == canonical(client) != ""


def check_redirects(data: bytes) -> None:
    """A browser finds the host in the Location that was looked up, and it is an allowed one."""
    parsed = parse(data)
    if not isinstance(parsed, str):
        host, location = parsed
        assert location.isascii()
        assert _FIELD_BREAK.search(location) is None
        assert parse(location) == (host, location)
        if not host.startswith("["):
            parts = urlsplit(location.decode())
            assert parts.netloc.partition(":")[0] == host
            assert parts.scheme in {"http", "https"}
    try:
        target = _REDIRECTS.location(data)
    except RequestRefused as error:
        assert error.status == 400
        return
    assert urlsplit(target.decode()).hostname in {"shop.example", "xn--bcher-kva.example",
                                                  "home.example"}


def shape_of(body: bytes) -> Shape:
    """A shape for bytes that no door has seen."""
    return Shape.OBJECT if body else Shape.NONE
