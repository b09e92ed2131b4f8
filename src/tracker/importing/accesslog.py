"""Lines of web servers' access logs: the common and the combined format of Apache and nginx."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from tracker.importing.event import NoEvent
from tracker.refine.times import EARLIEST, LATEST

_LINE = re.compile(
    r'(?P<host>\S++) \S++ (?P<user>[^\[]*+)\[(?P<minute>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d)'
    r':(?P<second>\d\d) (?P<zone>[+-]\d{4})\] "(?P<request>[^"\\]*+(?:\\.[^"\\]*+)*+)"'
    r' (?P<status>\d{3}) (?P<size>\d{1,18}|-)'
    r'(?P<combined> "(?P<referrer>[^"\\]*+(?:\\.[^"\\]*+)*+)"'
    r' "(?P<agent>[^"\\]*+(?:\\.[^"\\]*+)*+)"(?: .*+)?)?', re.ASCII | re.DOTALL)
_MONTHS = {month: number for number, month in enumerate(
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)}
_METHOD = re.compile(r"[A-Z]{2,32}", re.ASCII)
_MINUTES = 10_000

NO_LINE = NoEvent("it is no line of an access log")
NO_COMBINED = NoEvent("referrer and user agent are missing: it is in the common format")
NO_COMMON = NoEvent("more stands behind the size: it is not in the common format")
NO_TIME = NoEvent("its time is none")
NO_REQUEST = NoEvent("there was no request: its client sent no HTTP")


class Entry(NamedTuple):
    """One line. Texts are as logged, "" for `-`; escapes of the server stay.

    `host` is an address, or a name where the server looks names up; `seconds` since 1970, UTC.
    """

    host: str
    user: str
    seconds: int
    method: str
    target: str
    status: int
    size: int
    referrer: str
    agent: str


class Format:
    """Reads lines; `combined` tells whether they must, may (None) or must not be combined."""

    def __init__(self, combined: bool | None) -> None:
        self._combined = combined
        self._minutes: dict[tuple[str, str], int | None] = {}

    def read(self, line: bytes) -> Entry | NoEvent:
        """The entry in a line without its end. Bytes that are no UTF-8 become U+FFFD."""
        found = _LINE.fullmatch(line.decode("utf-8", "replace").rstrip("\r"))
        if found is None:
            return NO_LINE
        host, user, minute, second, zone, request, status, size, rest, referrer, agent = (
            found.groups())
        if self._combined is not None and self._combined != (rest is not None):
            return NO_COMBINED if self._combined else NO_COMMON
        began = self._minute(minute, zone)
        if began is None or second > "60":
            return NO_TIME
        method, _, target = request.partition(" ")
        before, _, protocol = target.rpartition(" ")
        if protocol.startswith("HTTP/"):
            target = before
        if not target or _METHOD.fullmatch(method) is None:
            return NO_REQUEST
        user = user.strip()
        return Entry(host, "" if user == "-" else user, began + int(second), method, target,
                     int(status), 0 if size == "-" else int(size),
                     "" if referrer is None or referrer == "-" else referrer,
                     "" if agent is None or agent == "-" else agent)

    def _minute(self, minute: str, zone: str) -> int | None:
        key = (minute, zone)
        try:
            return self._minutes[key]
        except KeyError:
            if len(self._minutes) >= _MINUTES:
                self._minutes.clear()
            began = self._minutes[key] = _seconds(minute, zone)
            return began


def _seconds(minute: str, zone: str) -> int | None:
    """Seconds since 1970 of `17/May/2015:10:05` at `+0200`; None where that is no time."""
    date, hours, minutes = minute.split(":")
    day, month, year = date.split("/")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    try:
        moment = datetime(int(year), _MONTHS[month], int(day), int(hours), int(minutes),
                          tzinfo=timezone(-offset if zone[0] == "-" else offset))
        seconds = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    except (KeyError, ValueError, OverflowError):
        return None
    return seconds if EARLIEST < seconds * 1000 < LATEST - 60_000 else None
