"""The privacy API's questions: where an address is, and which laws hold where."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tracker.errors import RequestRefused
from tracker.geoip.addresses import is_public, packed
from tracker.geoip.asked import Asked
from tracker.intake import Intake
from tracker.intake.address import canonical
from tracker.jurisdictions import Jurisdictions, Law, answer
from tracker.operation import JSON, PREFLIGHT, Answer, Operation, Parameter, operations
from tracker.web.agreements import Agreements, AgreementsUnavailable
from tracker.web.answers import error_answer, json_answer
from tracker.web.health import Beside
from tracker.web.laws import Laws
from tracker.web.rest import REST
from tracker.web.tracking import head_of

Endpoint = Callable[[Request], Awaitable[Response]]

METHODS = ["GET", "HEAD", "POST", "OPTIONS"]
LONGEST_ADDRESS = 100


class Place(TypedDict):
    """Where an address is: its range as numbers, and what is known of the place."""

    ips: str | None
    ipe: str | None
    iso2: str
    country: str
    region: str
    city: str
    lat: float | None
    lon: float | None
    zip: str
    tz: str
    attribution: str


class Ppi:
    """`asked` is None without UseGeoIP; `agreements` says what visitors agreed to,
    `laws` gives the list to SQL.
    """

    def __init__(self, intake: Intake, asked: Asked | None, jurisdictions: Jurisdictions,
                 agreements: Agreements, laws: Laws) -> None:
        self._laws = laws
        self._intake = intake
        self._agreements = agreements
        self._asked = asked
        self._jurisdictions = jurisdictions

    def routes(self, api_version: int, tracking: ASGIApp | None = None) -> list[Route]:
        """Path and handler of each; the docs are held against it.

        `tracking` takes what is sent to a path that answers questions too.
        """
        handlers: dict[str, Endpoint] = {
            "agree": self.agree, "geoip": self.geoip, "jds": self.jds}
        prefix = f"/tr/v{api_version}/ppi"
        sent = [Route(f"{prefix}/agree" + below, self._agreements.noting(tracking),
                      methods=["POST", "PUT", "OPTIONS"])
                for below in ("", "/", REST)] if tracking is not None else []
        return [*sent, *(Route(f"{prefix}/{name}" + slash, self._open(handler), methods=METHODS)
                         for name, handler in handlers.items() for slash in ("", "/")),
                Route(prefix + REST, self._open(self.unknown), methods=METHODS)]

    def _open(self, handler: Endpoint) -> Endpoint:
        """The handler, with the answers that all of them give to browsers and to mistakes."""
        @wraps(handler)
        async def answered(request: Request) -> Response:
            if request.method == "OPTIONS":
                return self._preflight(request)
            try:
                return await handler(request)
            except RequestRefused as error:
                return error_answer(error.status, error.code, error.message, self._cors(request),
                                    error.field)
        return answered

    def state(self) -> Beside:
        """How places and laws stand, for `/health`; only what is configured."""
        self._jurisdictions.now()
        told: Beside = {}
        if self._asked is not None:
            places = self._asked.told
            told["places"] = {"version": places.version or None, "building": places.building,
                              "last_error": places.error}
        if self._jurisdictions.error is not None:
            told["jurisdictions"] = {"last_error": self._jurisdictions.error}
        return told

    @operations(Operation(
        ("GET",), (Answer(200, "The newest first; keys as in `agreements`.",
                          {JSON: {"type": "array", "items": {"type": "object"}}}),
                   Answer(404, "No `vid` was named.", {JSON: {"type": "array", "maxItems": 0}})),
        ("400 name_too_long", "503 agreements_unavailable"),
        (Parameter("vid", "The visitor's id."), Parameter("oid", "An organisation's id."))))
    async def agree(self, request: Request) -> Response:
        """What the visitor `?vid=` agreed to last, for each organisation, or for `&oid=`."""
        vid, oid = (request.query_params.get(name, "") for name in ("vid", "oid"))
        if not vid:
            return json_answer([], 404, self._cors(request))
        try:
            rows = await self._agreements.of(vid, oid)
        except AgreementsUnavailable as error:
            raise RequestRefused(503, "agreements_unavailable", str(error)) from None
        return json_answer(rows, headers=self._cors(request))

    @operations(Operation(("GET", "POST"), (Answer(200, "All entries.", {JSON: list[Law]}),)),
                PREFLIGHT)
    async def jds(self, request: Request) -> Response:
        """The laws that ask for consent, notice or a way out, as a JSON array."""
        entries = self._jurisdictions.now()
        await self._laws.give(entries)
        return json_answer(answer(entries), headers=self._cors(request))

    @operations(Operation(
        ("GET", "POST"), (Answer(200, "Its place.", {JSON: Place}),),
        ("400 bad_address", "404 private_address unknown_address", "503 geoip_off"),
        (Parameter("ip", "An address, of IPv4 or IPv6."),)), PREFLIGHT)
    async def geoip(self, request: Request) -> Response:
        """Where the client's address is, or that of `?ip=`."""
        if self._asked is None or not self._asked.has_data:
            raise RequestRefused(503, "geoip_off", "Places of addresses are not known"
                                 " here: UseGeoIP is off, or its data are still being read.")
        sent = request.query_params.get("ip")
        address = self._own(request) if sent is None else canonical(sent[:LONGEST_ADDRESS])
        key = packed(address)
        if not key:
            raise RequestRefused(400, "bad_address", "This is no IP address.", "ip")
        if not is_public(key):
            raise RequestRefused(404, "private_address",
                                 f"{address} is no public address, so it is nowhere.", "ip")
        found = self._asked.find(address)
        place = found.place
        if not place.country and place.lat is None:
            raise RequestRefused(404, "unknown_address",
                                 f"The data do not say where {address} is.", "ip")
        told: Place = {
            "ips": None if found.first is None else str(found.first),
            "ipe": None if found.last is None else str(found.last),
            "iso2": place.country, "country": place.name or place.country,
            "region": place.region, "city": place.city, "lat": place.lat, "lon": place.lon,
            "zip": place.zip, "tz": place.zone, "attribution": self._asked.told.attribution,
        }
        return json_answer(told, headers=self._cors(request))

    @operations()
    async def unknown(self, request: Request) -> Response:
        """400: there is no other question."""
        del request
        raise RequestRefused(400, "unknown_action",
                             "Unknown action: there are ppi/agree, ppi/geoip and ppi/jds.")

    def _own(self, request: Request) -> str:
        peer = canonical(request.client.host) if request.client else ""
        return self._intake.client_address(peer, head_of(request.scope))

    def _preflight(self, request: Request) -> Response:
        told = {name.decode(): value.decode()
                for name, value in self._intake.preflight(_origin(request))}
        return Response(headers=told | dict.fromkeys(
            ("allow", "access-control-allow-methods"), ", ".join(METHODS)))

    def _cors(self, request: Request) -> dict[str, str]:
        """What lets scripts of allowed origins read an answer, which is nobody else's."""
        return {"cache-control": "no-store"} | {
            name.decode(): value.decode() for name, value in self._intake.cors(_origin(request))}


def _origin(request: Request) -> bytes:
    return request.headers.get("origin", "").encode("latin-1")
