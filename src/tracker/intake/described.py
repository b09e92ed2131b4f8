"""What the tracking routes take and answer, as the description of the API tells it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NotRequired, TypedDict

from tracker import money
from tracker.columns import EVENT_COLUMNS, Column, From, Kind
from tracker.hit import Route
from tracker.intake.body import Refused
from tracker.intake.payments import MOST_ITEMS
from tracker.operation import JSON, PREFLIGHT, TEXT, Answer, Named, Operation, Parameter, Shape
from tracker.routes import TrackingRoute

PAIR: Final = "{key}/{value}"
"""One of the pairs that may stand in a path; a template has no way to say "any number"."""

_TEXTS: Final = {"type": "string"}
_AMOUNT: Final = {"type": ["number", "string", "null"]}
_KINDS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    Kind.INTEGER: {"type": "integer"}, Kind.MASK: {"type": "integer"},
    Kind.COUNT: {"type": "integer"}, Kind.NUMBER: {"type": "number"},
    Kind.FLAG: {"type": "boolean"}, Kind.ANSWER: {"type": "boolean"},
    Kind.TIME: {"type": ["integer", "string"]}, Kind.MOMENT: {"type": ["integer", "string"]},
    Kind.JSON: {"type": "object"}, Kind.MONEY: _AMOUNT,
    Kind.TEXTS: {"type": "array", "items": _TEXTS},
}
"""How a client writes what a column holds; all else is text."""


class Account(TypedDict):
    """What became of a batch of which some events were refused; `eids` on `str` alone."""

    accepted: int
    rejected: list[Refused]
    eids: NotRequired[list[str | None]]


def _properties(columns: Iterable[Column]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in columns:
        names = (column.name, *column.keys) if column.source is From.CLIENT else column.keys
        if column.source is not From.BATCH:
            found |= {name: {**_KINDS.get(column.kind, _TEXTS), "description": column.about}
                      for name in names}
    return found


EVENT: Final = Named("Event", {
    "type": "object", "properties": _properties(EVENT_COLUMNS), "additionalProperties": True,
    "description": "What happened. All keys are optional; others than these are kept in `params`."
                   " What has another type than its key is kept there too, and is not refused."})

_MONEY: Final = {
    **{name: {**_AMOUNT, "description": "An amount; exact to 4 decimals, best as text."}
       for name in (*money.AMOUNTS, money.AMOUNT)},
    **{name: {**_AMOUNT, "description": "A number."} for name in money.QUANTITIES},
    "currency": {**_TEXTS, "description": "A code of ISO 4217."}}

PAYMENT: Final = Named("Payment", {
    "type": "object", "description": "An item that was paid for, or with a negative amount paid"
    " back.", "properties": {
        **{name: {**_TEXTS, "description": about} for name, about in (
            ("id", "The payment's own id; sent again it counts once."),
            ("orid", "The order's id."), ("invid", "The invoice's id."))}, **_MONEY}})

PAYMENTS: Final = Named("Payments", {"allOf": [EVENT, {
    "type": "object", "properties": {**_MONEY, "payments": {
        "type": "array", "items": PAYMENT, "maxItems": MOST_ITEMS}}}],
    "description": "One payment, or several in `payments`, and what is known of all of them."})

AGREEMENT: Final = Named("Agreement", {"allOf": [EVENT, {
    "type": "object", "properties": {
        "compliances": {"type": "object", "description": "Regulations this was asked for."},
        "avid": _TEXTS, "owner": _TEXTS, "loc": {"type": "object"}}}],
    "description": "What a visitor consents to: `vid`, `cflags`, and other keys of events."})

ACKNOWLEDGED: Final = Named("Acknowledged", {
    "type": "object", "required": ["ack", "errors"],
    "description": "A message of the tracker's on a WebSocket: all messages up to number `ack`"
                   " (the first is 1) are on disk, but for those in `errors`.",
    "properties": {"ack": {"type": "integer"}, "errors": {"type": "array", "items": {
        "type": "object", "required": ["n", "code", "message"], "properties": {
            "n": {"type": "integer"}, "code": _TEXTS, "message": _TEXTS,
            "index": {"type": "integer"}}}}}})

_VALUES = Parameter("values", "Any values of the event, as `?ename=seen&vid=anna`.", free=True)
_URL = Parameter("url", "Where to: http or https, to a host that is allowed.",
                 {"type": "string", "format": "uri"})
_ENDS = {200: "On disk.", 207: "Some events are on disk, `rejected` names the others."}

_OF_URL = ("400 too_many_keys", "503 unavailable")
_OF_BODY = ("400 not_json not_utf8 not_an_object too_deep empty_batch empty_body content_encoding",
            "413 too_many_events head_too_large_for_batch", "415 content_encoding")
_OF_MONEY = ("400 bad_amount bad_currency bad_payments",)
_OF_ROUTE: Final[Mapping[Route, tuple[str, ...]]] = {
    Route.RDR: ("400 redirect_refused",), Route.XRDR: ("400 redirect_refused",),
    Route.LTV: _OF_MONEY, Route.PUB: ("404 not_found",),
}

SHORT_LINK: Final = (
    Operation(("GET", "POST", "PUT"), (Answer(302, "A click is on disk.", headers={
        "Location": "Where the link leads."}),),
        ("400 too_many_keys", "404 not_found", "410 link_expired link_used_up"),
        (_VALUES,), about="Follows a short link, at the host that it was made for; its path may be"
        " longer than this template can say."),
    replace(PREFLIGHT, refusals=("404 not_found",)))
"""What is answered at all other paths."""


def tracking_operations(line: TrackingRoute) -> tuple[Operation, ...]:
    """All that one line of the table takes, with pairs in its path too."""
    if line.route is Route.WS:
        return (*_websocket(""), *_websocket(PAIR))
    below = "{file}" if line.route is Route.PUB else PAIR
    return (*_at(line, ""), *_at(line, below))


def _at(line: TrackingRoute, below: str) -> tuple[Operation, ...]:
    route = line.route
    beside = _beside(route)
    refusals = (*_OF_URL, *_OF_ROUTE.get(route, ()))
    good = _good(route)
    some = (Answer(207, _ENDS[207], {JSON: Account}),)
    get = Operation(("GET",), good, refusals, (*beside, _VALUES), below=below,
                    about=f"One event in path and query. {line.answers}.")
    of_money = ("400 too_many_payments", "413 too_many_items") if route is Route.LTV else ()
    post = Operation(("POST", "PUT"), (*good, *some), (*refusals, *_OF_BODY, *of_money),
                     (*beside, _VALUES), _bodies(PAYMENTS if route is Route.LTV else EVENT),
                     below, f"Events as a body; without one, in path and query. {line.answers}.")
    if route is Route.AGREE:
        post = Operation(("POST", "PUT"), good,
                         (*refusals, *_OF_BODY, "400 not_one_agreement bad_value"),
                         (_VALUES,), _single(AGREEMENT), below,
                         "Records what a visitor agrees to.")
    preflight = replace(PREFLIGHT, refusals=("400 too_many_keys",), below=below)
    if route is Route.AGREE:  # GET asks, which the page of that name tells
        none = Operation(("GET",), (), ("400 unknown_action",), below=below,
                         about="No question: those have their values in the query.")
        return (none, post, preflight) if below else (post, preflight)
    return get, post, preflight


def _beside(route: Route) -> tuple[Parameter, ...]:
    return (_URL,) if route in (Route.RDR, Route.XRDR) else ()


def _good(route: Route) -> tuple[Answer, ...]:
    match route:
        case Route.STR:
            ids = {"anyOf": [_TEXTS, {"type": "array", "items": {**_TEXTS, "format": "uuid"}}]}
            return (Answer(200, "On disk; the event's id, or those of a batch.", {JSON: ids}),)
        case Route.IMG:
            return (Answer(200, "On disk.", {"image/gif": {**_TEXTS, "format": "binary"}}),)
        case Route.RDR | Route.XRDR:
            return (Answer(302, "On disk.", headers={"Location": "Where to."}),)
        case Route.PUB:
            return (Answer(200, "The file.", {"*/*": {}}), Answer(206, "A part.", {"*/*": {}}),
                    Answer(304, "The client has it already."),
                    Answer(307, "To the folder.", headers={"Location": "Where to."}),
                    Answer(416, "There is no such part.", {TEXT: str}))
        case _:
            return (Answer(200, _ENDS[200]),)


def _bodies(event: Named) -> dict[str, Shape]:
    batch = {"type": "array", "items": event, "minItems": 1}
    return _single({"anyOf": [event, batch]}) | {
        "application/x-ndjson": {**_TEXTS, "description": "An event a line."}}


def _single(shape: Shape) -> dict[str, Shape]:
    values = {"type": "object", "additionalProperties": _TEXTS}
    return {JSON: shape, "application/x-www-form-urlencoded": values,
            TEXT: {**_TEXTS, "contentMediaType": JSON, "contentSchema": shape}}


def _websocket(below: str) -> tuple[Operation, ...]:
    told = Answer(101, "Goes on as a WebSocket. Each message, as text or LZ4, is what a body of"
                  " POST to `tr` may be; what comes back are `Acknowledged`.", {JSON: ACKNOWLEDGED})
    return (
        Operation(("GET",), (told,), (
            "400 too_many_keys", "403 origin_refused", "426 upgrade_required", "503 unavailable"),
                  (_VALUES,), below=below, about="Opens a WebSocket (RFC 6455) for events."),
        Operation(("POST", "PUT"), (), ("400 too_many_keys", "426 upgrade_required"),
                  below=below, about="No handshake of a WebSocket."),
        replace(PREFLIGHT, refusals=("400 too_many_keys",), below=below))
