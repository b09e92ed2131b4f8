"""Every tracking route in one table: the map of what clients may call and what they get."""

from dataclasses import dataclass

from tracker.hit import SERVER_SIDE, Route

METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS")
"""Every tracking route takes these; PUT is read like POST, HEAD answers without an event."""

WEBSOCKET = "ws"
"""The name of the route whose requests become something else than HTTP."""


@dataclass(frozen=True, slots=True)
class TrackingRoute:
    """One line of the table.

    `name`     stands in the path: `/tr/v1/<name>/`, with or without the last slash, and deeper
    `route`    what the hit records
    `answers`  what the client gets when its event is durable
    """

    name: str
    route: Route
    answers: str
    shared: bool = False
    """The application takes its requests, as this path answers questions too."""

    def path(self, api_version: int) -> str:
        """The path as clients write it."""
        return f"/tr/v{api_version}/{self.name}/"

    @property
    def server_side(self) -> bool:
        """Whether its events count as sent by a server; such routes set no cookies."""
        return self.route in SERVER_SIDE


TRACKING_ROUTES: tuple[TrackingRoute, ...] = (
    TrackingRoute("tr", Route.TR, "200 with an empty body"),
    TrackingRoute("str", Route.STR, "200 with the event's id as a JSON string; for a batch an"
                  " array of ids"),
    TrackingRoute("img", Route.IMG, "200 with a GIF of one pixel"),
    TrackingRoute("rdr", Route.RDR, "302 to `url`, else to DefaultRedirect"),
    TrackingRoute("xrdr", Route.XRDR, "302 to `url`, else to DefaultRedirect; keeps the visitor"
                  " in cookies"),
    TrackingRoute("ltv", Route.LTV, "200 with an empty body; payments, for lifetime value"),
    TrackingRoute("ppi/agree", Route.AGREE, "200 with an empty body; an agreement, which is no"
                  " event; GET asks for them", shared=True),
    TrackingRoute("pub", Route.PUB, "the file of StaticDirectory below this path"),
    TrackingRoute(WEBSOCKET, Route.WS, "101, then a WebSocket that tells how many messages are"
                  " durable; 426 to what is no handshake"),
)

SOURCES: tuple[tuple[str, str], ...] = (
    ("path", ("pairs behind the route's name, /key/value/…, on every method; split before they"
              " are decoded, so %2F stays in its value")),
    ("query", "on GET; on POST and PUT only when the body is empty"),
    ("body", ("on POST and PUT: a JSON object, an array of objects, objects line by line (NDJSON)"
              " or a form; its first byte tells which, so text/plain is read as JSON too")),
)
"""Where an event's values stand in a request; a later source wins over an earlier one."""


_GROUP = b"ppi"
"""Stands before the names of several routes."""


class RouteMap:
    """Finds the route of a request target."""

    def __init__(self, api_version: int) -> None:
        self._prefix = f"/tr/v{api_version}/".encode()
        self._names = {line.name.encode(): line.route for line in TRACKING_ROUTES}

    def find(self, path: bytes) -> tuple[Route, bytes] | None:
        """The route of a raw path and what stands behind the route's name; None is not ours."""
        if not path.startswith(self._prefix):
            return None
        name, _, rest = path[len(self._prefix):].partition(b"/")
        route = self._names.get(name)
        if route is None and name == _GROUP:
            name, _, rest = rest.partition(b"/")
            route = self._names.get(b"%b/%b" % (_GROUP, name))
        return None if route is None else (route, rest)
