"""What one scenario says, and what measuring it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.rig import payloads
from bench.rig.figures import Spread
from bench.rig.payloads import EVENT, JSON_HEADERS, PATH

if TYPE_CHECKING:
    from bench.peers.base import Peer
    from bench.rig.bench import Bench


@dataclass(frozen=True, slots=True)
class Requests:
    """A load of one request over and over.

    `body`         what is sent; a function where it is large
    `headers`      "Name: value" lines besides Host and Content-Length
    `connections`  kept alive, one request at a time on each
    `events`       how many events one request holds
    """

    method: str = "POST"
    path: str = PATH
    body: Callable[[], str] = lambda: EVENT
    headers: str = JSON_HEADERS
    connections: int = 64
    events: int = 1


TUPLES = Requests("GET", payloads.TUPLES, body=str, headers="")
"""An event in the pairs of a path."""

PIXEL = Requests("GET", payloads.PIXEL + "?vid=v1&ename=open&etyp=mail", body=str, headers="")
"""An event in the query of a GIF of one pixel."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the table.

    `measure`   how: a function of bench/measures
    `load`      what is sent; for ways of measuring that send a load of their own, the default
    `peer_load` what the peer is sent, where it is not the same
    `peers`     who else runs beside it, of bench/peers/table.py
    `share`     of the peak rate, for fixed rates
    `rows`      that lie in the store, for what is asked of a large one
    `rate`      requests a second of a sustained load; None is as many as are answered
    `rounds`    most rounds, and `seconds` most seconds of one: where more only cost time
    `minutes`   of a sustained load, where they are not the plan's
    `unit`      of the score, which `measure` gives; `lower` says that less is better
    `floor`     what the score must reach
    `goal`      what it should reach
    `short`     whether `make bench` runs it, `full` the same of `make bench-full`, and `smoke` of
                `make bench-smoke`
    """

    name: str
    about: str
    measure: "Callable[[Bench, Scenario], Result]"
    load: Requests = Requests()
    peer_load: Requests | None = None
    peers: "tuple[Peer, ...]" = ()
    share: float = 1.0
    rate: float | None = None
    rows: int = 0
    rounds: int = 5
    seconds: float | None = None
    minutes: float | None = None
    unit: str = "of nginx"
    lower: bool = False
    floor: float | None = None
    goal: float | None = None
    short: bool = True
    full: bool = False
    smoke: bool = True

    def reaches(self, score: float, bound: float | None) -> bool | None:
        """Whether a score reaches a bound; None where there is no bound."""
        if bound is None:
            return None
        return score <= bound if self.lower else score >= bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity, as often as it was measured."""

    label: str
    unit: str
    values: tuple[float, ...]

    @property
    def spread(self) -> Spread:
        """Least, median, most."""
        return Spread.of(self.values)


@dataclass(frozen=True, slots=True)
class Rival:
    """One peer beside the tracker, in the same rounds.

    `promise`  what is true of an event once it was answered; `durable` if that is a sync
    `ratio`    ours over theirs, of the medians
    `p99`      of an answer in the closed loop, ms
    `micros`   CPU of its process an event; None where it runs as none
    `kept`     of the events answered, the share found afterwards; None where none is kept
    """

    name: str
    promise: str
    durable: bool
    rate: Figure
    ratio: float
    p99: float
    micros: float | None
    kept: float | None


@dataclass(slots=True)
class Result:
    """What a scenario came to.

    `score`   what floor and goal are compared with
    `ours`    the main quantity, and `peer` the same of whom it is compared with
    `rivals`  all it is compared with, where they are several
    `more`    all other quantities
    `notes`   what a reader must know to judge the figures
    `series`  what was sampled over time: one row per sample
    `faults`  why the scenario failed, whatever its figures
    """

    ours: Figure
    score: float
    peer: Figure | None = None
    rivals: list[Rival] = field(default_factory=list)
    more: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: list[dict[str, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
