"""The requests of a web server's log as events: a real log where one is, else that of the examples.

Two of three lines are sent as JSON, the third as a path and a query, as pages without a script do.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from bench.rig.payloads import ID_CHARACTERS, PATH
from tracker.importing.accesslog import Format
from tracker.importing.event import Event
from tracker.importing.requests import Requests
from tracker.importing.visitors import Visitors

_ROOT = Path(__file__).resolve().parents[2]
LOGS = (_ROOT.parent / "shared" / "data" / "access.log.gz", _ROOT / "examples" / "access.log")
_SITE = "www.example.com"
_ID = "the-id-of-this-event"
_PAIRS = ("vid", "sid", "ename", "first")


def requests(logs: tuple[Path, ...] = LOGS) -> Iterator[str]:
    """Lines for `traffic.lua`, of the first of `logs` that is there."""
    path = next(path for path in logs if path.exists())
    reader = Requests(Format(None), Visitors(b"bench"), _SITE, {}, with_address=True)
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as lines:
        found = [reader.read(line.rstrip(b"\n"), number) for number, line in enumerate(lines, 1)]
    events = [event for event in found if isinstance(event, Event)]
    for number, event in enumerate(sorted(events, key=lambda event: event.received)):
        request = _request(number, event)
        if "\\r\\n" not in request.replace("\r\n", ""):  # that is how the file writes line ends
            yield request.replace("\r\n", "\\r\\n").replace(_ID, "\t")


def _request(number: int, found: Event) -> str:
    """Head and body, with `_ID` for the id. They happen now: the log's own times are left out."""
    event: dict[str, Any] = {"eid": _ID, **json.loads(found.body)}
    del event["created"]
    fields = [f"Host: {_SITE}", f"User-Agent: {found.agent}" if found.agent else "",
              f"X-Forwarded-For: {found.address}", "Accept: */*", "Accept-Encoding: gzip, deflate"]
    if number % 3 == 0:
        params = event.pop("params")
        path = "".join(f"{key}/{quote(str(event.pop(key)), safe='')}/" for key in _PAIRS)
        first, body = f"GET {PATH}{path}?{urlencode(event | params)} HTTP/1.1", ""
    else:
        body = json.dumps(event, separators=(",", ":"))
        first = f"POST {PATH} HTTP/1.1"
        length = len(body) - len(_ID) + ID_CHARACTERS  # JSON is ASCII here
        fields += ["Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join((first, *filter(None, fields), "", body))
