"""A client that records what was acknowledged and sends again, with the same id, what was not."""

import random
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from harness.ways import Event, Links, Message, Messages, Posts, Way

KEPT = 20
"""Events that a client keeps to be sent late again."""

_SINGLE = (1,)
_SOME = (1, 1, 1, 5)
_MANY = (1, 1, 1, 5, 40)


@dataclass(frozen=True, slots=True)
class Habit:
    """How often a client goes one way, and what it sends there.

    `share`     of all that it sends
    `messages`  how many at once, at most
    `events`    how many in one: one of these numbers
    """

    share: int
    messages: int
    events: tuple[int, ...]


HABITS = {
    "posts": Habit(50, 1, _MANY),
    "payments": Habit(15, 1, _SOME),
    "links": Habit(15, 1, _SINGLE),
    "texts": Habit(10, 6, _SOME),
    "packed": Habit(10, 6, _SOME),
}


@dataclass(slots=True)
class Sent:
    """What one client knows. Markers are in `params.k`; each is one event.

    `unknown`   sent, no answer, not sent again
    `payments`  those of the events that are payments, with or without an answer
    `kept`      acknowledged, to be sent late again
    """

    acknowledged: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)
    repeats: int = 0
    kept: list[Event] = field(default_factory=list)


class Client(threading.Thread):
    """Sends in every way of `HABITS`: single events and arrays, with ids of its own and without.

    What carries an `eid` is sent until it is acknowledged, and now and then once more. What
    carries none is sent once: without an answer nobody can know whether it counts.

    `name` is that of all its events. `again` are events of other clients that were acknowledged
    before: they are sent once more, first of all, and must change nothing.
    """

    def __init__(self, port: int, seed: int, pause: float = 0.002, *, name: str = "crash",
                 again: Sequence[Event] = ()) -> None:
        super().__init__(daemon=True)
        self.sent = Sent()
        self.failure: BaseException | None = None
        self._random = random.Random(seed)
        self._pause = pause
        self._name = name
        self._again = list(again)
        self._ending = threading.Event()
        self._ways: dict[str, Way] = {
            "posts": Posts(port), "payments": Posts(port, "/tr/v1/ltv/"), "links": Links(port),
            "texts": Messages(port, packed=False), "packed": Messages(port, packed=True)}

    def run(self) -> None:
        try:
            for way in ("posts", "payments"):
                again = [event for event in self._again
                         if ("payments" in event) == (way == "payments")]
                self._send_surely(way, [again] if again else [])
            while not self._ending.is_set():
                self._send_something()
                time.sleep(self._pause)
        except BaseException as failure:  # told by `finish`
            self.failure = failure
        finally:
            for opened in self._ways.values():
                opened.close()

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
        (way,) = self._random.choices(
            [*HABITS], weights=[habit.share for habit in HABITS.values()])
        habit = HABITS[way]
        messages = [[self._event(way) for _ in range(self._random.choice(habit.events))]
                    for _ in range(self._random.randint(1, habit.messages))]
        keys = marks_of(messages)
        if way == "payments":
            self.sent.payments |= keys
        if self._random.random() < 0.2:
            for message in messages:
                for event in message:
                    del event["eid"]
            unknown = marks_of(self._ways[way].send(messages))
            self.sent.unknown |= unknown
            self.sent.acknowledged |= keys - unknown
            return
        self._send_surely(way, messages)
        self.sent.acknowledged |= keys
        if len(self.sent.kept) < KEPT and len(messages[0]) < KEPT:
            self.sent.kept += messages[0]
        if self._random.random() < 0.1:
            self.sent.repeats += 1
            self._ways[way].send(messages)

    def _send_surely(self, way: str, messages: list[Message]) -> None:
        """Send the same events until all are acknowledged."""
        while messages := self._ways[way].send(messages):
            self.sent.repeats += 1
            time.sleep(0.05)

    def _event(self, way: str) -> Event:
        mark = self._random.getrandbits(64)
        event: Event = {
            "eid": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "vid": f"v{mark % 50}", "sid": f"s{mark % 50}", "uid": f"u{mark % 40}",
            "ename": self._name,
            "url": f"https://example.com/{mark % 20}", "last": "https://example.org/from",
            "params": {"k": f"{mark:016x}"}}
        if way != "payments":
            return event | {"etyp": "test"}
        items = [{"id": item, "amt": str(amount), "currency": "EUR"}
                 for item, amount in items_of(f"{mark:016x}").items()]
        return event | {"org": self._name, "payments": items}


def marks_of(messages: Sequence[Message]) -> set[str]:
    """The marks of all events in some messages."""
    return {event["params"]["k"] for message in messages for event in message}


def items_of(mark: str) -> dict[str, Decimal]:
    """The line items of the payment with this mark: amounts by id, some of them refunds."""
    number = int(mark, 16)
    return {f"{mark}-{place}": Decimal(number % 20_001 - 5_000 + place) / 100
            for place in range(1 + number % 3)}
