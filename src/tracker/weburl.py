"""Web addresses that a browser is sent to: taken apart, judged, and put together anew."""

import re
from ipaddress import IPv4Address, IPv6Address

import idna

_URL = re.compile(rb"(?i)(https?)://([^/?#]*)(.*)", re.DOTALL)
_HOST = re.compile(r"([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])\.?(:[0-9]{1,5})?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LABEL = 63
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_UNSAFE = re.compile(rb"""[^!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]""")


def parse(url: bytes) -> tuple[str, bytes] | str:
    """Host (without port) and safe text of a URL, or what is wrong with it.

    The text is put together from the parts that were looked at, so that a browser cannot read
    another host in it than we did.
    """
    parts = split(url)
    if isinstance(parts, str):
        return parts
    scheme, host, port, rest = parts
    return host, b"%b://%b%b%b" % (scheme, host.encode(), port.encode(), rest)


def split(url: bytes) -> tuple[bytes, str, str, bytes] | str:
    """Scheme, host, port (with its colon, or "") and safe rest of a URL, or what is wrong."""
    url = url.strip(b" ")
    if _CONTROL.search(url):
        return "holds control characters"
    found = _URL.fullmatch(url)
    if found is None:
        return "must be a whole http or https URL"
    scheme, authority, rest = found.groups()
    if b"@" in authority or b"\\" in authority:  # browsers end the host at a backslash
        return "holds a user name or a backslash before its path"
    place = _HOST.fullmatch(ascii_host(authority.decode("utf-8", "replace")))
    host = "" if place is None else _canonical(place[1])
    if place is None or not host:
        return "has no valid host"
    port = "" if place[2] is None else f":{int(place[2][1:])}"
    return scheme.lower(), host, port, safe(rest)


def _canonical(host: str) -> str:
    """A host in the spelling that browsers give it; "" where they would take it for an address
    that is another one or none.
    """
    try:
        if host.startswith("["):
            return f"[{_compressed(IPv6Address(host[1:-1]))}]"
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return str(IPv4Address(host))  # four numbers; 127.1 and 0x7f.1 are refused
    except ValueError:
        return ""
    return host


def _compressed(address: IPv6Address) -> str:
    """Hexadecimal alone, without the longest run of two zeros or more, of equal ones the first."""
    parts = [f"{int(part, 16):x}" for part in address.exploded.split(":")]
    runs = [(length, -start) for length in range(2, 9) for start in range(9 - length)
            if set(parts[start:start + length]) == {"0"}]
    if not runs:
        return ":".join(parts)
    length, start = max(runs)
    return f"{':'.join(parts[:-start])}::{':'.join(parts[length - start:])}"


def safe(text: bytes) -> bytes:
    """The text with whatever must not stand in a Location header percent-encoded."""
    return _UNSAFE.sub(_percent, text)


def ascii_host(host: str) -> str:
    """The host as DNS knows it, lower case; "" when it cannot be one.

    As browsers have it (UTS 46, not transitional): of faß.example no fass.example is made.
    """
    if host.isascii():
        return host.lower()
    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
        return ".".join(map(_ascii_label, mapped.split(".")))
    except UnicodeError:
        return ""


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    text = "xn--" + label.encode("punycode").decode()
    if len(text) > _LABEL:
        raise UnicodeError(f"a label may have {_LABEL} characters")
    return text


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]
