"""Addresses of pages as they are stored: //host/path, without query."""

import re

from tracker.refine.memory import remembered
from tracker.settings import RefineSettings

_WEB = re.compile(r"https?://(?:[^/?#]*@)?([^/?#]*)", re.IGNORECASE)
_REMEMBERED = 20_000


class Urls:
    """Cuts addresses of pages; remembers what it has cut, as few addresses make most events."""

    def __init__(self, settings: RefineSettings) -> None:
        self._filter = settings.url_filter
        self._group = settings.url_filter_group
        self.clean = remembered(self._clean, _REMEMBERED)

    def _clean(self, url: str) -> str:
        """The path case and a fragment before any query stay; text that is no URL stays too."""
        text = url.strip()
        page = text.partition("?")[0]
        kept = self._filtered(text, len(page))
        return strip_scheme(page if kept is None else kept)

    def _filtered(self, url: str, query: int) -> str | None:
        """What the group of UrlFilter caught, 0 being the last group; None without a match.

        A match that begins in the query is none: an address inside another is only a value.
        """
        if self._filter is None:
            return None
        found = self._filter.search(url)
        group = self._group or self._filter.groups
        if found is None or found.start() > query or group > self._filter.groups:
            return None
        return str(found.group(group) or "") or None


def strip_scheme(url: str) -> str:
    """`//host/path` of `https://user@Host/path`; whatever does not begin as a web address stays."""
    found = _WEB.match(url)
    return url if found is None else f"//{found[1].lower()}{url[found.end():]}"
