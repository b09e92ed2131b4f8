"""Where a redirect may lead: only to hosts that the configuration names."""

import re

from tracker.errors import ConfigError, RequestRefused

_URL = re.compile(rb"(?i)(https?)://([^/?#]*)(.*)", re.DOTALL)
_HOST = re.compile(r"([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])\.?(:[0-9]{1,5})?")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_UNSAFE = re.compile(rb"""[^!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]""")


class Redirects:
    """The allow-list of `rdr` and `xrdr`."""

    def __init__(self, domains: tuple[str, ...], default_redirect: str) -> None:
        self._hosts = {_ascii_host(domain.partition(":")[0]) for domain in domains}
        self._default: bytes | None = None
        if default_redirect:
            parsed = parse(default_redirect.encode())
            if isinstance(parsed, str):
                raise ConfigError(f"DefaultRedirect {parsed}.")
            host, self._default = parsed
            self._hosts.add(host)

    def location(self, url: bytes) -> bytes:
        """The Location for the wish `url` (b"" is none): ASCII, percent-encoded, allowed."""
        if not url:
            if self._default is None:
                raise _refused("`url` is missing, and DefaultRedirect is not set.")
            return self._default
        parsed = parse(url)
        if isinstance(parsed, str):
            raise _refused(f"`url` {parsed}.")
        host, location = parsed
        if host not in self._hosts:
            raise _refused(f"`url` leads to {host}, which is neither in Domains nor the host of"
                           " DefaultRedirect; add it there.")
        return location


def _refused(message: str) -> RequestRefused:
    return RequestRefused(400, "redirect_refused", message, "url")


def parse(url: bytes) -> tuple[str, bytes] | str:
    """Host and safe text of a URL, or what is wrong with it.

    The text is put together from the parts that were looked at, so that a browser cannot read
    another host in it than we did.
    """
    url = url.strip(b" ")
    if _CONTROL.search(url):
        return "holds control characters"
    found = _URL.fullmatch(url)
    if found is None:
        return "must be a whole http or https URL"
    scheme, authority, rest = found.groups()
    if b"@" in authority or b"\\" in authority:  # browsers end the host at a backslash
        return "holds a user name or a backslash before its path"
    place = _HOST.fullmatch(_ascii_host(authority.decode("utf-8", "replace")))
    if place is None:
        return "has no valid host"
    location = b"%b://%b%b%b" % (scheme.lower(), place[1].encode(), (place[2] or "").encode(),
                                 _UNSAFE.sub(_percent, rest))
    return place[1], location


def _ascii_host(host: str) -> str:
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
