"""Short URLs of which only so many clicks are allowed: the store process counts them."""

from starlette.types import ASGIApp, Receive, Scope, Send

from tracker.door.door import Door
from tracker.errors import RequestRefused
from tracker.registry.book import Link
from tracker.registry.caller import Caller
from tracker.registry.calls import Click
from tracker.web.links import refused
from tracker.web.tracking import head_of, target_of


class Following:
    """Asks for a click before the request goes the way of all hits.

    So a link is never followed more often than it may be, on however many workers. A click that
    was granted and then came to nothing, as with a full disk, is spent.
    """

    def __init__(self, door: Door, caller: Caller, tracking: ASGIApp) -> None:
        self._door = door
        self._caller = caller
        self._tracking = tracking

    def link(self, scope: Scope) -> Link | None:
        """The link that a request is for, if its clicks are limited."""
        link = self._door.links.find(target_of(scope), head_of(scope))
        return link if link is not None and link.limited else None

    async def follow(self, link: Link, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        call = Click(link.host, link.slug, count=method not in ("HEAD", "OPTIONS"))
        try:
            told = await self._caller.ask(call)
        except RequestRefused as error:
            answer: ASGIApp = refused(error)
        else:
            answer = self._tracking if told.value == b"true" else refused(_used_up())
        await answer(scope, receive, send)


def _used_up() -> RequestRefused:
    return RequestRefused(410, "link_used_up", "This short URL has expired, or has been followed"
                          " as often as it may be.")


