"""Changes of short URLs on their way from the registry to a spool, and so to the stores."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from tracker.errors import SpoolUnavailable
from tracker.hit import Hit, Route, Shape, encode_hit, id_text
from tracker.registry.outbox import Change, Outbox
from tracker.settings import SpoolSettings
from tracker.spool.writer import Spool

_DIRECTORY: Final = "registry"
_SEGMENT_BYTES: Final = 1 << 20
_MOST_AT_ONCE: Final = 5_000


class Changes:
    """Carries what is in the outbox; may be called by several threads.

    A crash between the spool and the outbox leaves a change in both: it goes out again with the
    same id, and the gate drops it like an event that a client sends twice.
    """

    def __init__(self, registry: Path, spools: Path, settings: SpoolSettings) -> None:
        self._registry = registry
        self._outbox = Outbox(registry)
        self._spools = spools
        self._settings = replace(settings, segment_bytes=_SEGMENT_BYTES)
        self._lock = threading.Lock()

    def carry(self) -> int:
        """Make all changes durable in the spool; gives back how many.

        Raises `sqlite3.Error`, `SpoolUnavailable` or OSError; then what is left goes out later.
        """
        total = 0
        with self._lock:
            while self._registry.exists() and (found := self._outbox.read(_MOST_AT_ONCE)):
                self._append(found)
                self._outbox.forget(found[-1].n)
                total += len(found)
        return total

    def _append(self, changes: Sequence[Change]) -> None:
        failures: list[SpoolUnavailable] = []

        def deliver(_: list[object], error: SpoolUnavailable | None) -> None:
            if error is not None:
                failures.append(error)

        spool = Spool(self._spools / _DIRECTORY, self._settings, deliver)
        spool.open()
        try:
            for change in changes:
                spool.append(encode_hit(hit_of(change)), None, 1)
        finally:
            spool.close()
        if failures:
            raise failures[0]


def hit_of(change: Change) -> Hit:
    """A change as a hit: what no client said, so its head says only the host."""
    said: dict[str, Any] = msgspec.json.decode(change.content)
    body = msgspec.json.encode({"eid": id_text(change.eid), "oid": said["oid"],
                                "org": said["org"], "change": said})
    head = f"POST /tr/ HTTP/1.1\r\nHost: {said['hostfrom']}\r\n".encode()
    return Hit(change.eid, change.moment * 1_000_000, Route.LINK, "", head, body, Shape.OBJECT, 1)
