"""Where lines go: records in a spool of their own, in order, never more than the disk may hold."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tracker.alone import InUse, alone
from tracker.durable import usage
from tracker.errors import SpoolUnavailable, TrackerError
from tracker.hit import Hit, Route, Shape, encode_hit, id_from_ticks
from tracker.imported import SPOOL, Lines, encode_lines
from tracker.settings import SpoolSettings
from tracker.spool.writer import Spool

_SHARE = 0.5  # of the budget; the rest is for those who cannot wait
_IN_FLIGHT = 16  # records
_LOOK_BYTES = 32 << 20  # between two looks at the disk
_WAIT_SECONDS = 0.5


class Sink:
    """The spool of imports, which a tracker reads that runs now, or the next that starts."""

    def __init__(self, data: Path, settings: SpoolSettings, clock: Callable[[], int]) -> None:
        self.waits = False  # for the tracker to land something
        self._data = data
        self._most = settings.bytes * _SHARE
        self._clock = clock
        self._free = threading.Semaphore(_IN_FLIGHT)
        self._failure: SpoolUnavailable | None = None
        self._unseen = _LOOK_BYTES
        self._count = 0
        self._spool = Spool(data / "spool" / SPOOL, settings, self._delivered)
        try:
            self._spool.open()
        except SpoolUnavailable as error:
            if "another process holds" in str(error):
                raise TrackerError("another import runs in this data directory: wait for its end"
                                   ) from None
            raise

    def put(self, lines: Lines) -> None:
        """Append a record; waits while the disk is slow or full. Raises `TrackerError`."""
        body = encode_lines(lines)
        self._unseen += len(body)
        if self._unseen >= _LOOK_BYTES:
            self._wait_for_room()
            self._unseen = 0
        self._free.acquire()
        if self._failure is not None:
            raise self._failure
        now = self._clock()
        self._count += 1
        identity = id_from_ticks(now // 100 + self._count, bytes(8))
        self._spool.append(
            encode_hit(Hit(identity, now, Route.TR, "", b"", body, Shape.LINES,
                           len(lines.lines))), None, len(lines.lines))

    def close(self) -> None:
        """Return when all is on disk; raises `SpoolUnavailable` when something is not."""
        self._spool.close()
        if self._failure is not None:
            raise self._failure

    def _delivered(self, waiters: list[object], error: SpoolUnavailable | None) -> None:
        self._failure = self._failure or error
        self._free.release(len(waiters))

    def _wait_for_room(self) -> None:
        while usage(self._data / "spool") + usage(self._data / "batches") > self._most:
            if not is_running(self._data):
                raise TrackerError(
                    f"half of the spool's budget ({self._most:.0f} bytes) is used, and no tracker"
                    " runs that would land what is there: start it, and import again; it goes on"
                    " where it was")
            self.waits = True
            time.sleep(_WAIT_SECONDS)
        self.waits = False


def is_running(data: Path) -> bool:
    """Whether a tracker runs in the data directory."""
    try:
        with alone(data):
            return False
    except InUse:
        return True
