"""A client that records what was acknowledged and sends again, with the same id, what was not."""

import contextlib
import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

KEPT = 20
"""Events that a client keeps to be sent late again."""


@dataclass(slots=True)
class Sent:
    """What one client knows. Markers are in `params.k`; each is one event."""

    acknowledged: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)  # sent, no answer, not sent again
    repeats: int = 0
    kept: list[dict[str, Any]] = field(default_factory=list)  # acknowledged, to be sent late again


class Client(threading.Thread):
    """One connection at a time: single events and arrays, with ids of its own and without.

    What carries an `eid` is sent until it is acknowledged, and now and then once more. What
    carries none is sent once: without an answer nobody can know whether it counts.

    `name` is that of all its events. `again` are events of other clients that were acknowledged
    before: they are sent once more, first of all, and must change nothing.
    """

    def __init__(self, port: int, seed: int, pause: float = 0.002, *, name: str = "crash",
                 again: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(daemon=True)
        self.sent = Sent()
        self.failure: BaseException | None = None
        self._port = port
        self._random = random.Random(seed)
        self._pause = pause
        self._name = name
        self._again = list(again)
        self._ending = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            if self._again:
                self._send_surely(self._again)
            while not self._ending.is_set():
                self._send_something()
                time.sleep(self._pause)
        except BaseException as failure:  # told by `finish`
            self.failure = failure
        finally:
            self._drop()

    def end(self) -> None:
        """Begin nothing more."""
        self._ending.set()

    def finish(self, seconds: float = 60.0) -> Sent:
        """Let the request in hand be acknowledged, then give what is known."""
        self.end()
        self.join(seconds)
        if self.failure is not None:
            raise self.failure
        if self.is_alive():
            raise AssertionError("the client's last request was never acknowledged")
        return self.sent

    def _send_something(self) -> None:
        events = [self._event() for _ in range(self._random.choice((1, 1, 1, 5, 40)))]
        keys = {event["params"]["k"] for event in events}
        if self._random.random() < 0.2:
            for event in events:
                del event["eid"]
            known = self.sent.acknowledged if self._post(events) else self.sent.unknown
            known.update(keys)
            return
        self._send_surely(events)
        self.sent.acknowledged.update(keys)
        if len(self.sent.kept) < KEPT and len(events) < KEPT:
            self.sent.kept += events
        if self._random.random() < 0.1:
            self.sent.repeats += 1
            self._post(events)

    def _send_surely(self, events: list[dict[str, Any]]) -> None:
        """Send the same events until they are acknowledged."""
        while not self._post(events):
            self.sent.repeats += 1
            time.sleep(0.05)

    def _event(self) -> dict[str, Any]:
        mark = self._random.getrandbits(64)
        return {"eid": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
                "vid": f"v{mark % 50}", "sid": f"s{mark % 50}", "ename": self._name, "etyp": "test",
                "url": f"https://example.com/{mark % 20}", "last": "https://example.org/from",
                "params": {"k": f"{mark:016x}"}}

    def _post(self, events: list[dict[str, Any]]) -> bool:
        """Whether all events were acknowledged."""
        body = json.dumps(events[0] if len(events) == 1 else events)
        with contextlib.suppress(OSError, http.client.HTTPException):
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            self._connection.request("POST", "/tr/v1/tr/", body,
                                     {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
            if answer.status == 200:
                return True
            assert answer.status == 503, answer.status
            return False
        self._drop()
        return False

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
