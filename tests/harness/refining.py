"""Hits made by hand for tests of refining, and the events that come of them as dicts."""

import json
from typing import Any

from tracker.hit import Hit, Route, Shape
from tracker.refine import Refined, Refinery
from tracker.settings import RefineSettings

NOON = 1_764_072_000 * 10**9  # 2025-11-25 12:00 UTC, in nanoseconds
NOON_MS = NOON // 10**6
HIT_ID = bytes.fromhex("c0ffee00cafe11f080000123456789ab")
HIT_ID_TEXT = "c0ffee00-cafe-11f0-8000-0123456789ab"
EVENT_ID_TEXT = "c0ffee01-cafe-11f0-8000-0123456789ab"  # of the hit's event at index 0
VID = "14fb0860-b4bf-11e9-8971-7b80435315ac"

SETTINGS = RefineSettings(private_key=b"a key of tests")


def make_hit(body: bytes = b"", *, target: str = "/tr/v1/tr/", method: str = "POST",
             headers: str = "Host: localhost:8443\r\n", route: Route = Route.TR,
             shape: Shape | None = None, events: int = 1, refused: tuple[int, ...] = (),
             address: str = "8.8.8.8", identity: bytes = HIT_ID, received: int = NOON) -> Hit:
    """A hit with the given parts; the shape is told from the body where it is not given."""
    if shape is None:
        shape = Shape.OBJECT if body[:1] == b"{" else Shape.ARRAY if body else Shape.NONE
    head = f"{method} {target} HTTP/1.1\r\n{headers}".encode()
    return Hit(identity, received, route, address, head, body, shape, events, refused)


def post(event: Any, **parts: Any) -> Hit:
    """A hit that posts one object, or an array of them."""
    count = len(event) if isinstance(event, list) else 1
    return make_hit(json.dumps(event).encode(), events=count, **parts)


def get(target: str, **parts: Any) -> Hit:
    """A hit by GET."""
    return make_hit(target=target, method="GET", **parts)


def refine(*hits: Hit, settings: RefineSettings = SETTINGS, **parts: Any) -> Refined:
    """What a fresh refinery makes of the hits."""
    return Refinery(settings, **parts).refine(hits)


def rows(refined: Refined) -> list[dict[str, Any]]:
    """The events, `params` and `targets` as objects."""
    made: list[dict[str, Any]] = refined.table.to_pylist()
    for row in made:
        row["params"], row["targets"] = json.loads(row["params"]), json.loads(row["targets"])
    return made


def row_of(hit: Hit, settings: RefineSettings = SETTINGS, **parts: Any) -> dict[str, Any]:
    """The one event of a hit."""
    (row,) = rows(refine(hit, settings=settings, **parts))
    return row


def event_of(event: Any, settings: RefineSettings = SETTINGS) -> dict[str, Any]:
    """The event that a posted object becomes."""
    return row_of(post(event), settings)
