"""Keeps what the processes warn of: from their pipe, folded, into a spool of its own.

It is a thread of the supervisor, which outlives all others. Behind the spool the lines go the way
of all log lines. It logs nothing: what goes wrong here must not come back as a warning.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import msgspec

from tracker import __version__
from tracker.durable import usage
from tracker.errors import SpoolUnavailable
from tracker.hit import Hit, Route, Shape, encode_hit
from tracker.intake.ticks import Ticks, new_tail
from tracker.ownlogs.fold import Fold, Folded
from tracker.ownlogs.line import decode_line
from tracker.ownlogs.teller import tell
from tracker.settings import SpoolSettings
from tracker.spool.writer import Spool

SPOOL: Final = "tracker"
"""The directory of the spool, among those of the workers."""
NAME: Final = "tracker"
"""What stands in `name` of the rows."""

_PAUSE_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 3.0
_PIPE_BYTES: Final = 64 << 10
_SEGMENT_BYTES: Final = 1 << 20
_HEAD: Final = b"POST /tr/v1/log HTTP/1.1\r\n"
_OWN_WORK: Final = "tracker.spool"  # in the supervisor nobody else has one


class Keeper:
    """Reads the pipe twice a second, so that at most 128 KiB of warnings come through in one."""

    def __init__(self, data: Path, settings: SpoolSettings) -> None:
        self._source, self.pipe = os.pipe()
        """Descriptors; the second is for those who tell."""
        for descriptor in (self._source, self.pipe):
            os.set_blocking(descriptor, False)
        self._data = data
        self._settings = replace(settings, segment_bytes=min(settings.segment_bytes,
                                                             _SEGMENT_BYTES))
        self._ticks = Ticks(new_tail(), time.time_ns)
        self._fold = Fold()
        self._failed: SimpleQueue[int] = SimpleQueue()
        self._spool: Spool | None = None
        self._rest = b""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="own-logs", daemon=True)

    def start(self, level: int) -> None:
        """Begin; of this process too, for records from `level` on."""
        tell(self.pipe, "supervisor", level).addFilter(_is_no_own_work)
        self._thread.start()

    def stop(self) -> None:
        """Keep what was told so far; does not wait long for a disk that hangs."""
        self._stop.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self.look()
        self.look()
        self.keep(self._fold.rest(time.monotonic()))
        if self._spool is not None:
            self._spool.close()

    def look(self) -> None:
        """Take what was told, and keep what is to be kept now."""
        now = time.monotonic()
        for line in self._lines():
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._fold.add(decode_line(line), now)
        with contextlib.suppress(Empty):
            while True:
                self._fold.left_out += self._failed.get_nowait()
        self.keep(self._fold.take(now))

    def _lines(self) -> list[bytes]:
        try:
            data = os.read(self._source, _PIPE_BYTES)
        except BlockingIOError:
            return []
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:_PIPE_BYTES]  # nobody of ours writes half a line
        return [line for line in lines if line]

    def keep(self, folded: Sequence[Folded]) -> None:
        """Give lines to the spool; what it does not take is counted, and that is all."""
        if not folded:
            return
        before = self._fold.left_out
        total = before + sum(each.times for each in folded)
        self._fold.left_out = total
        if self._has_room():
            with contextlib.suppress(SpoolUnavailable, OSError):
                self._open().append(self._record(folded, before), total, len(folded))
                self._fold.left_out = 0

    def _has_room(self) -> bool:
        """Whether the budget of the disk is not spent; visitors come first."""
        used = usage(self._data / "spool") + usage(self._data / "batches")
        return used <= self._settings.bytes

    def _open(self) -> Spool:
        if self._spool is None:
            spool = Spool(self._data / "spool" / SPOOL, self._settings, self._delivered)
            spool.open()
            self._spool = spool
        return self._spool

    def _delivered(self, waiters: list[Any], error: SpoolUnavailable | None) -> None:
        if error is not None:
            self._failed.put(sum(waiters))

    def _record(self, folded: Sequence[Folded], left_out: int) -> bytes:
        events = [_event(each) for each in folded]
        if left_out:
            events[0]["params"]["left_out"] = left_out
        received, identity = self._ticks.take(len(events))
        return encode_hit(Hit(identity, received, Route.LOG, "", _HEAD,
                              msgspec.json.encode(events), Shape.ARRAY, len(events)))


def _is_no_own_work(record: logging.LogRecord) -> bool:
    return not record.name.startswith(_OWN_WORK)


def _event(folded: Folded) -> dict[str, Any]:
    """A line as a service would send it to `/log`."""
    line, times = folded
    params: dict[str, Any] = {"process": line.process, "pid": line.pid, "version": __version__}
    params |= {"times": times} if times > 1 else {}
    params |= {"about": line.about} if line.about else {}
    params |= {"at": line.at} if line.at else {}
    return {"name": NAME, "hostname": socket.gethostname(), "topic": line.logger,
            "level": line.level, "msg": line.msg, "ltime": line.time,
            "created": line.time // 1_000_000, "params": params}
