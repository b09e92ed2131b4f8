"""Where a redirect may lead: only to hosts that the configuration or a registered link names."""

from collections.abc import Callable

from tracker.errors import ConfigError, RequestRefused
from tracker.weburl import ascii_host, parse


class Redirects:
    """The allow-list of `rdr` and `xrdr`; `leads_to` says whether a registered link has a host."""

    def __init__(self, domains: tuple[str, ...], default_redirect: str,
                 leads_to: Callable[[str], bool] = lambda _: False) -> None:
        self._hosts = {ascii_host(domain.partition(":")[0]) for domain in domains}
        self._leads_to = leads_to
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
        if host not in self._hosts and not self._leads_to(host):
            raise _refused(f"`url` leads to {host}, which is neither in Domains nor the host of"
                           " DefaultRedirect, nor does a short URL lead there; add it to Domains.")
        return location


def _refused(message: str) -> RequestRefused:
    return RequestRefused(400, "redirect_refused", message, "url")
