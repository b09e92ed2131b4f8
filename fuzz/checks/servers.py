"""What services send: refused with the field, or as many rows as were taken, each whole."""

import json

from tracker.errors import RequestRefused
from tracker.hit import Hit, Route
from tracker.intake.servermessages import ServerMessages
from tracker.logwords import nano_text, read_nanoseconds
from tracker.refine import Refinery
from tracker.settings import IntakeSettings, RefineSettings

_MESSAGES = ServerMessages(IntakeSettings())
_REFINERY = Refinery(RefineSettings(private_key=b"key"))
_NEEDED = {Route.LOG: {"id", "ldate", "ltime"}, Route.COUNT: {"id", "total", "day"},
           Route.UPDATE: {"id", "msg", "updated_at"}}


def check(data: bytes) -> None:
    """Any body, as each of the three."""
    hits = []
    for number, route in enumerate(_NEEDED, 1):
        try:
            body = _MESSAGES.read(route, data, b"")
        except RequestRefused as error:
            assert error.status in (400, 413)
            continue
        refused = tuple([fault.index for fault in body.refused])
        head = b"POST /tr/v1/%b HTTP/1.1\r\nhost: a\r\n" % route.name.lower().encode()
        hits.append(Hit(bytes([number]) * 6 + b"\x10" * 10, 1_764_072_000 * 10**9, route,
                        "192.0.2.1", head, body.data, body.shape, body.size - len(refused),
                        refused))
    made = _REFINERY.refine(hits)
    assert not made.dead
    assert sum(hit.events for hit in hits) == made.table.num_rows
    for extra, place in zip(made.table["extra"].to_pylist(), made.hit.tolist(), strict=True):
        (own,) = json.loads(extra)
        route = Route(hits[place].route)
        assert set(own) >= _NEEDED[route]
        if route is Route.COUNT:
            assert 1 <= own["total"] <= 10**9
            assert own["id"] != "vids_created"
        if route is Route.LOG:
            assert own["ltime"] in nano_text(read_nanoseconds(own["ltime"]) or 0)
