"""Web addresses that a browser is sent to: taken apart, judged, and put together anew."""

import re
from ipaddress import IPv6Address

_URL = re.compile(rb"(?i)(https?)://([^/?#]*)(.*)", re.DOTALL)
_HOST = re.compile(r"([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])\.?(:[0-9]{1,5})?")
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
    if place is None or not _is_address(place[1]):
        return "has no valid host"
    return scheme.lower(), place[1], place[2] or "", safe(rest)


def _is_address(host: str) -> bool:
    """Whether what stands in brackets is an address; another host is not asked."""
    if not host.startswith("["):
        return True
    try:
        IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def safe(text: bytes) -> bytes:
    """The text with whatever must not stand in a Location header percent-encoded."""
    return _UNSAFE.sub(_percent, text)


def ascii_host(host: str) -> str:
    """The host as DNS knows it, lower case; "" when it cannot be one."""
    host = host.lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return ""


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]
