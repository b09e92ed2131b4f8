"""Sends the lines of a web server's log (combined format) to a running tracker as events.

    python examples/send_log.py examples/access.log --site www.bakery.example

Needs nothing but Python. A line becomes the same event each time, with the same id, so sending a
log twice, or again after it was cut off, counts every line once.
"""

import argparse
import http.client
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid5

NAMES = UUID("5b0f6a86-5a0c-4c55-9d5e-3a4e5d0c7a11")
"""Namespace of all ids made here; change it, and the same lines are other events."""

IDLE = timedelta(minutes=30)
PATIENCE = 60.0  # seconds to go on trying while the tracker takes nothing

LINE = re.compile(
    r'(?P<address>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<target>\S+)[^"]*"'
    r' (?P<status>\d{3}) (?P<bytes>\d+|-) "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)"')


@dataclass(frozen=True)
class Entry:
    """One line of the log, understood."""

    eid: UUID
    address: str
    time: datetime
    method: str
    target: str
    status: int
    bytes: int
    referrer: str
    agent: str


def entries(lines: Iterable[str]) -> Iterator[Entry | None]:
    """What each line says; None for one that is not in the combined format.

    Lines that are alike are events of their own: the id is made of the line and of how often it
    came before.
    """
    seen: Counter[str] = Counter()
    for line in lines:
        found = LINE.fullmatch(line.rstrip("\r\n"))
        if found is None:
            yield None
            continue
        eid = uuid5(NAMES, f"{seen[line]} {line}")
        seen[line] += 1
        yield Entry(
            eid=eid, address=found["address"],
            time=datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z"),
            method=found["method"], target=found["target"], status=int(found["status"]),
            bytes=0 if found["bytes"] == "-" else int(found["bytes"]),
            referrer=found["referrer"].removeprefix("-"), agent=found["agent"].removeprefix("-"))


class Visitors:
    """Tells visitors by address and agent, and their sessions by pauses of half an hour."""

    def __init__(self) -> None:
        self._last: dict[UUID, tuple[datetime, UUID]] = {}

    def of(self, entry: Entry) -> tuple[UUID, UUID, bool]:
        """Visitor, session, and whether the visitor is new; entries come in order of time."""
        vid = uuid5(NAMES, f"{entry.address} {entry.agent}")
        known = self._last.get(vid)
        if known is None or entry.time - known[0] > IDLE:
            sid = uuid5(NAMES, f"{vid} {entry.time.isoformat()}")
        else:
            sid = known[1]
        self._last[vid] = (entry.time, sid)
        return vid, sid, known is None


def event_of(entry: Entry, visitors: Visitors, site: str) -> dict[str, Any]:
    """The event that an entry stands for."""
    vid, sid, first = visitors.of(entry)
    url = urlsplit(entry.target)
    asked = dict(parse_qsl(url.query))
    event: dict[str, Any] = {
        "eid": str(entry.eid), "vid": str(vid), "sid": str(sid), "first": first,
        "created": int(entry.time.timestamp() * 1000),
        "ename": name_of(entry, url.path), "url": f"https://{site}{url.path}",
        **{key: value for key, value in asked.items() if key.startswith("utm_")},
        "params": {"status": entry.status, "method": entry.method, "bytes": entry.bytes},
    }
    if entry.referrer:
        event["last"] = entry.referrer
    return event


def name_of(entry: Entry, path: str) -> str:
    """page_view, file or error."""
    if entry.status >= 400:
        return "error"
    return "file" if "." in path.rpartition("/")[2] else "page_view"


class Tracker:
    """A connection to a running tracker."""

    def __init__(self, url: str, site: str) -> None:
        place = urlsplit(url)
        kind = http.client.HTTPSConnection if place.scheme == "https" else (
            http.client.HTTPConnection)
        self._connection = kind(place.hostname or "127.0.0.1", place.port, timeout=30)
        self._site = site

    def greet(self) -> None:
        """Raise `OSError` when nobody is there."""
        self._connection.connect()

    def send(self, event: dict[str, Any], entry: Entry) -> int:
        """Send until the tracker has taken or refused the event; gives back the status.

        Trying again is harmless, as the event keeps its id.
        """
        until = time.monotonic() + PATIENCE
        while True:
            try:
                status, wait = self._post(event, entry)
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if time.monotonic() > until:
                    raise
                status, wait = 0, 1.0
            if status not in {0, 503} or time.monotonic() > until:
                return status
            time.sleep(wait)

    def _post(self, event: dict[str, Any], entry: Entry) -> tuple[int, float]:
        """The status, and how many seconds to wait should it be 503."""
        self._connection.request(
            "POST", "/tr/v1/tr/", json.dumps(event),
            {"Content-Type": "application/json", "Host": self._site,
             "User-Agent": entry.agent, "X-Forwarded-For": entry.address})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, float(answer.getheader("Retry-After", "1"))


def main() -> int:
    """Send a log; 0 when every line was taken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("log", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8880", help="default: %(default)s")
    parser.add_argument("--site", default="www.bakery.example", help="host that wrote the log")
    given = parser.parse_args()
    tracker, visitors = Tracker(given.url, given.site), Visitors()
    counts: Counter[str] = Counter()
    try:
        tracker.greet()
        with given.log.open(encoding="utf-8", errors="replace") as lines:
            for entry in entries(lines):
                if entry is None:
                    counts["not understood"] += 1
                else:
                    status = tracker.send(event_of(entry, visitors, given.site), entry)
                    counts["sent" if status == 200 else f"refused with {status}"] += 1
    except OSError as error:
        print(f"{error}. Is a tracker running at {given.url}? Start one:"
              " .venv/bin/tracker examples/config.json", file=sys.stderr)
        return 1
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 0 if set(counts) <= {"sent"} else 1


if __name__ == "__main__":
    sys.exit(main())
