"""Inputs to begin with, all of our own making, and the words that inputs are made of."""

import gzip
import json
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import brotli
import lz4.block
import lz4.frame
import msgspec
import zstandard

from tracker.durable import Files
from tracker.geoip import Place
from tracker.geoip.collector import Collector
from tracker.hit import Hit, Route, Shape, encode_hit
from tracker.spool.segment import SegmentHeader, encode_header

FOUND = Path(__file__).parent / "found"

WORDS = (
    "POST /tr/v1/tr/ HTTP/1.1\\x0d\\x0a", "GET /tr/v1/img/", "/tr/v1/str/", "/tr/v1/rdr/?url=",
    "/tr/v1/xrdr/", "/tr/v1/pub/", "Content-Length: ", "Transfer-Encoding: chunked",
    "Content-Encoding: gzip", "Content-Type: application/x-ndjson", "Cookie: vid=",
    "Authorization: Basic ", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=", "User: {",
    "Expect: 100-continue", "Connection: close", "Upgrade: h2c", "/tr/v1/ws", "Upgrade: websocket\\x0d\\x0aConnection: Upgrade",
    "Sec-WebSocket-Version: 13\\x0d\\x0aSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\x0d\\x0a",
    "\\x81\\x82\\x00\\x00\\x00\\x00{}", "\\x01\\x80\\x00\\x00\\x00\\x00", "\\x80\\x80\\x00\\x00\\x00\\x00",
    "\\x89\\x80\\x00\\x00\\x00\\x00", "\\x04\\x22\\x4d\\x18", "Origin: https://a.example",
    "\\x0d\\x0a", "\\x0d\\x0a\\x0d\\x0a", "\\x0a", "\\x00", "\\xff", "\\xef\\xbb\\xbf", "\\xc3\\xa9",
    "%2F", "%00", "%ff", "+", "&", "=", "{", "}", "[", "]", "\\\"", "\\\\", "\\\\u", "\\\\ud83d", "\\\\ude00",
    "\\\"vid\\\":", "\\\"sid\\\":", "\\\"eid\\\":", "\\\"params\\\":", "\\\"targets\\\":", "\\\"a.b\\\":",
    "\\\"created\\\":", "\\\"email\\\":", "\\\"tz\\\":", "1e999", "-0", "18446744073709551616",
    "2026-11-25T10:00:00Z", "00000000-0000-0000-0000-000000000000", "urn:uuid:", "true", "null",
    "https://shop.example/", "http://", "@", "::ffff:192.0.2.1", "[::1]:80", "xn--",
    "SELECT ", " FROM ", " SETTINGS ", " FORMAT ", "file(", "'", "`", "/*", "--", "$$", "{f:Identifier}",
    "ProxyExceptHTTP", "Notify", "${A}", "{A}", "UrlFilter", "DefaultRedirect", "(?P<", "[[:alpha:]]",
)

EVENT: dict[str, Any] = {
    "vid": "14fb0860-b4bf-11e9-8971-7b80435315ac", "sid": "s1", "ename": "seen", "etyp": "view",
    "url": "https://Shop.example/a/b?token=1#x", "created": 1_795_000_000_000, "score": "6",
    "rel": 1, "first": "false", "lat": "37.2", "email": "a@b.example", "tz": "Europe/Berlin",
    "utm_source": "mail", "params": {"go": 6, "a.b": 1, "a": {"b": 2}}, "targets": {"x": "1"}}
HEADERS = (
    b"Host: shop.example:8443\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0\r\n"
    b"Accept-Language: de-DE,de;q=0.9\r\nCookie: vid=v1; sid=s1; other=x; CookieConsent=7\r\n"
    b"X-Forwarded-For: 198.51.100.7, 10.0.0.1\r\nAuthorization: Basic Zm9vOmJhcg==\r\n"
    b'User: {"uid":"u1","eid":"c0ffee00-cafe-11f0-8000-0123456789ab"}\r\n')
AGENTS = (b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604.1",
          b"curl/8.5.0", b"Googlebot/2.1 (+http://www.google.com/bot.html)")


def _request(method: bytes, target: bytes, body: bytes = b"", extra: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%b %b HTTP/1.1\r\n%b%b%b\r\n%b" % (method, target, HEADERS, extra, length, body)


def jsons() -> list[bytes]:
    """Bodies of JSON, good and bad."""
    return [json.dumps(EVENT).encode(), json.dumps([EVENT, {"eid": "x", "a": [1, {"b.c": None}]}]
                                                   ).encode(),
            b'[{"a":1},2,{"b":"\\ud83d"}]', b'{"a":"\\ud83d\\ude00"}', b'{"params":"{\\"x\\":[1]}"}',
            b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", b"\xef\xbb\xbf {}", b"{}\n{}"]


def ndjsons() -> list[bytes]:
    """Lines of JSON."""
    return [b'{"a":1}\n\n{"b":2}\r\n[]\n{"c"', json.dumps(EVENT).encode() + b"\n{}"]


def forms() -> list[bytes]:
    """Forms and queries."""
    return [b"vid=v1&sid=s1&eid=e1&a=1&a=2&b=%C3%A9+x&&=&c", b"VID=%22x%22&utm_source=m&vid=v2"]


def links() -> list[bytes]:
    """What stands behind a route's name."""
    return [b"vid/v1/sid/s1/ename/a%2Fb?vid=v2&url=https%3A%2F%2Fshop.example%2F", b"/a/b//c/",
            b"VID/x/vid/y/eid/?EID=1&eid=%ff", *forms()]


def requests() -> list[bytes]:
    """Whole requests, each of one connection."""
    made = [_request(b"POST", b"/tr/v1/tr/", body) for body in jsons()]
    made += [_request(b"POST", b"/tr/v1/str/", ndjsons()[0], b"Content-Type: x-ndjson\r\n"),
             _request(b"PUT", b"/tr/v1/tr", forms()[0],
                      b"Content-Type: application/x-www-form-urlencoded\r\n"),
             _request(b"POST", b"/tr/v1/tr/", gzip.compress(jsons()[0], mtime=0),
                      b"Content-Encoding: gzip\r\n"),
             _request(b"OPTIONS", b"/tr/v1/tr/"), _request(b"HEAD", b"/tr/v1/img/"),
             _request(b"POST", b"/tr/v1/str/?vid=q", b"", b"Connection: close\r\n"),
             b"POST /tr/v1/tr/ HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
             b"POST /tr/v1/tr/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
             b"POST /tr/v1/tr/ HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
             b"POST /tr/v1/tr/ HTTP/1.1\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
             b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /tr/v1/tr/ HTTP/1.1\r\nCookie:\r\n\r\n",
             b"POST /tr/v1/tr/ HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}" * 3]
    made += [_request(b"GET", b"/tr/v1/%b/%b" % (name, link))
             for name in (b"tr", b"img", b"rdr", b"xrdr", b"pub") for link in links()[:2]]
    return made


def _frame(first: int, data: bytes) -> bytes:
    """A frame whose mask changes nothing, so that its words are seen."""
    size = (bytes([128 | len(data)]) if len(data) < 126
            else b"\xfe" + len(data).to_bytes(2, "big"))
    return bytes([first]) + size + bytes(4) + data


def websockets() -> list[bytes]:
    """Frames behind a byte that says how they are read: text, LZ4, pieces, control, deflate."""
    text = json.dumps(EVENT).encode()
    packer = zlib.compressobj(wbits=-15)
    deflated = (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    return [
        b"\0" + _frame(0x81, text) + _frame(0x81, b"nope") + _frame(0x82, lz4.block.compress(text)),
        b"\2" + _frame(0x01, text[:50]) + _frame(0x89, b"p") + _frame(0x80, text[50:]),
        b"\0" + _frame(0x81, b'[{"a":1},2]') + _frame(0x81, b"{}\n{}") + _frame(0x88, b"\x03\xe8"),
        b"\1" + _frame(0xC1, deflated) + _frame(0x81, b'{"a":"\xc3\xa9"}'),
        b"\3" + _frame(0x41, deflated[:30]) + _frame(0x00, b"") + _frame(0x80, deflated[30:]),
        b"\0" + _frame(0x81, b'{"a":"\xff"}') + _frame(0x81, text),
        b"\1" + _frame(0xC2, deflated) + b"\x81\xff" + b"\xff" * 12,
        b"\0" + b"\x81\x02{}"]


def packed() -> list[bytes]:
    """LZ4 blocks behind their length, and frames."""
    text = json.dumps([EVENT] * 5).encode()
    block = lz4.block.compress(text)
    return [block, b"\xff\xff\0\0" + block[4:], lz4.frame.compress(text), block[:9],
            lz4.block.compress(bytes(1 << 16)), lz4.block.compress(bytes(1 + (1 << 16)))]


def codings() -> list[bytes]:
    """A body in each coding, behind the byte that chooses it."""
    body = jsons()[0]
    packed = (gzip.compress(body, mtime=0), zlib.compress(body), bytes(brotli.compress(body)),
              zstandard.compress(body), gzip.compress(body, mtime=0) * 2,
              bytes(brotli.compress(gzip.compress(body, mtime=0))), zlib.compress(body)[2:-4],
              zstandard.compress(zstandard.compress(body)))
    return [bytes([place]) + data for place, data in enumerate(packed)]


def heads() -> list[bytes]:
    """Headers, line by line."""
    return [HEADERS.replace(b"\r", b""), b"Cookie: vid=a; vid=b\n folded: ; sid = \"s\" \nCookie:x",
            b"cookie : user={\"vid\":1}; sess=1;uid=2\nUSER: %7B%7D"]


def addresses() -> list[bytes]:
    """Addresses, and what proxies write."""
    return [b"192.0.2.1", b"[2001:db8::1]:443", b"::ffff:10.0.0.1", b"fe80::1%eth0",
            b"X-Forwarded-For: 198.51.100.7, 10.0.0.1\nForwarded: for=\"[::1]:80\";by=x, for=a",
            b"X-Real-IP: 1.2.3.4\nCF-Connecting-IP: ::1"]


def redirects() -> list[bytes]:
    """Where redirects may and may not lead."""
    return [b"https://shop.example/a?b=c#d", "http://bücher.example:80/ü%".encode(),
            b"HTTPS://home.example.:443", b"https://a@shop.example/", b"https://shop.example\\@x/",
            b"https://[::1]/", b"//shop.example/"]


def loads() -> list[bytes]:
    """Short URLs as they are asked for."""
    one = (b'{"urlfrom":"https://go.example/s","urlto":"https://a.example/","expires":null,'
           b'"max_clicks":3,"pass_query":true,"oid":"o"}')
    return [one, b"[" + one + b"]", b'[{"urlfrom":1}]', b'{"urlfrom":"a","expire":1}',
            b'urlfrom,urlto,max_clicks\nhttps://go.example/s,"https://a.example/?a,b",5\n']


def messages() -> list[bytes]:
    """Lines of logs, counts and updates."""
    return [b'{"msg":"a","level":"warn","ltime":"2026-01-31T23:59:59.123456789+01:00","x":{"y":1}}',
            b'{"msg":"a","level":3,"ltimenss":"1769903999123456789","time":5,"params":"{}"}',
            b'[{"id":"a","by":3,"day":"2026-01-31"},{"ID":"b"},{"id":"c","eid":"x"}]',
            b'{"id":"a","msg":"b","updated":"2026-01-31T23:59:59Z"}\n{"id":"a","msg":"c"}']


def objects() -> list[bytes]:
    """Two objects, one a line: an event, and the one in its `params`."""
    return [b'{"a.b":1,"a":{"b":2,"c.d":3},"a_":"5"}\n{"a":1,"a_":2}',
            b'{"x":["1",{"a.b":1,"a":{"b":1}}],"y":"99.99","z":null}\n{"y":1}']


def texts() -> list[bytes]:
    """Values as clients write them."""
    return [b"99.99", b"-0", b"1e5", b"2026-11-25T10:00:00+01:00", b"1795000000000", b"yes",
            b"{14FB0860-B4BF-11E9-8971-7B80435315AC}", b"https://u@Shop.example/a?b#c", b"[1]"]


def agents() -> list[bytes]:
    """User agents."""
    return list(AGENTS)


def hits() -> list[bytes]:
    """Records of a spool."""
    body = json.dumps([EVENT, {}]).encode()
    hit = Hit(bytes(range(16)), 1_795_000_000_000_000_000, Route.STR, "192.0.2.1",
              b"POST /tr/v1/str/ HTTP/1.1\r\n" + HEADERS, body, Shape.ARRAY, 1, (1,), True)
    return [encode_hit(hit), msgspec.msgpack.encode([1, None, {"a": b"x"}])]


def damages() -> list[bytes]:
    """Which segment, how certain its end, and steps of damage."""
    return [b"\x00\x00", b"\x01\xff\x00\x04\x10\x01", b"\x02\x00\x01\x06\x00\x00\x02\x08\x00\x03",
            b"\x02\xff\x03\x05\x00\x00\x04\x00\x08\xff"]


def segments() -> list[bytes]:
    """A header of a segment."""
    header = encode_header(SegmentHeader(bytes(16), 3, bytes(16), 1, 2, 2048))
    return [header, header + bytes(1024), bytes(2048)]


def places() -> list[bytes]:
    """A CSV, a BIN of one range, and the mark of an .mmdb file."""
    row = b'"16777216","16777471","AT","Austria","Wien","Wien","48.2","16.4","1010","+02:00"\r\n'
    starts = (0, 16_777_216, 16_777_472, 0xFFFFFFFF)
    cells = struct.pack("<7I", 192, 192, 192, 0, 0, 192, 192)
    rows = b"".join(struct.pack("<I", start) + cells for start in starts)
    head = struct.pack("<5B4I", 11, 8, 26, 11, 1, 3, 65, 0, 0) + bytes(8) + b"\x01" + bytes(34)
    return [row, row + row, head + rows + b"\x02AT\x07Austria",
            bytes(32) + b"\xab\xcd\xefMaxMind.com\xe1\x4aip_version\xa1\x06"]


def forms_of_places() -> list[bytes]:
    """A form of one range."""
    collector = Collector()
    collector.add(1 << 24, (1 << 24) + 255, collector.place(Place("AT", city="Wien")), v6=False)
    with tempfile.TemporaryDirectory() as folder:
        collector.write(Files(), Path(folder) / "made")
        return [(Path(folder) / "made").read_bytes()]


def marks() -> list[bytes]:
    """An empty mark."""
    return [bytes(128)]


def queries() -> list[bytes]:
    """Queries, plain and hostile."""
    return [b"SELECT vid, count() FROM events WHERE a = 'it''s' GROUP BY vid SETTINGS x = 1, y = 'z'"
            b" FORMAT JSON", b"SELECT `file`('/etc/hostname') /* x */ -- y", b"SELECT {f:Identifier}",
            b"SYSTEM FLUSH ASYNC INSERT QUEUE", b"SELECT $a$x$a$, \"b\"\"c\"; SELECT 2",
            b"SELECT * FROM merge('sfpla', '^events')"]


def protocols() -> list[bytes]:
    """A query string, headers line by line, an empty line, a body."""
    return [b"query=SELECT+1&database=sfpla&default_format=JSON&param_f=x&max_threads=2&query_id=a"
            b"\nX-ClickHouse-User: default\nHost: localhost:8123\n\nSELECT 2",
            b"compress=0\nAuthorization: Basic ZGVmYXVsdDo=\nContent-Encoding: gzip\n\n"
            + gzip.compress(b"SELECT 1", mtime=0),
            b"\n\nCode: 62. DB::Exception: x (SYNTAX_ERROR) (version 26.9)"]


def configs() -> list[bytes]:
    """Configurations, good and bad."""
    return [json.dumps({
        "ProxyExceptHTTP": ":8880", "QueryPort": "127.0.0.1:8123", "Domains": ["shop.example"],
        "DefaultRedirect": "https://home.example/", "TrustedProxies": ["10.0.0.0/8"],
        "AllowOrigin": "https://a.example", "UrlFilter": "https?://(a|b)\\.example(/.*)",
        "UrlFilterMatchGroup": 2, "EidDays": 3, "Workers": "{B}", "Spool": {"Bytes": 1 << 30},
        "PrefixPrivateHash": "${A}", "StaticDirectory": "{C}",
        "Notify": [{"Service": "chdb", "Critical": True, "MaxBatchSize": 100}]}).encode(),
        b'{"TrustedProxies":["x"]}', b'{"DefaultRedirect":"http://[x"}', b'{"Unknown":1}',
        b'{"UseLocalTLS":true,"TLSCert":"a","TLSKey":"{A}"}', b'{"EidDays":"{B}"}']


def patterns() -> list[bytes]:
    """Regular expressions of Go."""
    return [rb"^https?://(?P<host>[^/]+)\Q.x\E[[:alpha:]]\x{1F600}\z", rb"(?<a>x)[]a]", rb"(?U)a*\pL"]


def found(name: str) -> list[bytes]:
    """Inputs that once were findings of a target, kept under `found/<target>/`."""
    folder = FOUND / name
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def logs() -> list[bytes]:
    """Access logs, JSON lines and rows, plain and packed."""
    common = b'192.0.2.1 - ann [17/May/2015:10:05:03 +0200] "GET /a.css?utm_source=x HTTP/1.1" 304 -'
    combined = common + b' "https://news.example/" "Mozilla/5.0 \\"x\\" \\xe4"'
    row = json.dumps({**EVENT, "created_at": "2026-11-25 10:00:00.123", "received_at": 1_795_000_000,
                      "sequencer": "s", "batch": 1, "ip": "kLm3", "agent": "a\r\nb", "server": True,
                      "eid": "c0ffee00-cafe-11f0-8000-0123456789ab"}).encode()
    plain = b"\n".join((combined, common, b"", combined + b' "-" 0.1\r', row, *jsons(), b"half"))
    return [plain, common, row, gzip.compress(plain), gzip.compress(plain)[:-9]]
