"""Hosts of web addresses are those that a browser reads."""

import pytest

from tracker.weburl import split


@pytest.mark.parametrize(("host", "read"), [
    ("Example.COM", "example.com"), ("example.com.", "example.com"),
    ("bücher.example", "xn--bcher-kva.example"), ("BÜCHER.example", "xn--bcher-kva.example"),
    ("faß.example", "xn--fa-hia.example"), ("fass.example", "fass.example"),
    ("βόλος.example", "xn--nxasmm1c.example"), ("☃.example", "xn--n3h.example"),
    ("\uff47\uff4f\u3002example", "go.example"), ("g\u00ado.example", "go.example"),
    ("192.0.2.1", "192.0.2.1"), ("[::1]", "[::1]"), ("[0:0:0:0:0:0:0:1]", "[::1]"),
    ("[2001:DB8:0:0:1:0:0:0]", "[2001:db8:0:0:1::]"), ("[1:0:0:2:0:0:3:4]", "[1::2:0:0:3:4]"),
    ("[0:1:2:3:4:5:6:7]", "[0:1:2:3:4:5:6:7]"), ("[::]", "[::]"),
    ("[::ffff:192.0.2.1]", "[::ffff:c000:201]"),
])
def test_a_host_has_the_spelling_of_browsers(host: str, read: str) -> None:
    assert (b"https", read, "", b"/") == split(f"https://{host}/".encode())


@pytest.mark.parametrize("host", [
    "127.1", "2130706433", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "1.2.3.4.5",
    "1.2.3.256", "1.2.3", "a.1", "a.0x", "[1::2::3]", "[::1%25eth0]", "[12345::]", "",
    "go.example\uff0fx", "go.example\uff20evil", "a" * 70 + "ü.example", "ü" * 2_000,
])
def test_what_browsers_read_otherwise_or_not_at_all_is_no_host(host: str) -> None:
    assert "has no valid host" == split(f"https://{host}/".encode())


@pytest.mark.parametrize(("port", "read"), [
    (":8443", ":8443"), (":08443", ":8443"), (":00080", ":80"), (":0", ":0"), ("", ""),
])
def test_a_port_is_a_number(port: str, read: str) -> None:
    assert (b"http", "a.example", read, b"") == split(f"http://a.example{port}".encode())
