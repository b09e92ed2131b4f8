"""What one scenario says, and what measuring it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.rig.figures import Spread
from bench.rig.payloads import EVENT, JSON_HEADERS, PATH

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the table.

    `measure`   how: a function of bench/measures
    `load`      what is sent; for ways of measuring that send a load of their own, the default
    `peer_load` what the peer is sent, where it is not the same
    `share`     of the peak rate, for fixed rates
    `seconds`   most seconds of a round, where a long one would only fill the disk
    `unit`      of the score, which `measure` gives; `lower` says that less is better
    `floor`     what the score must reach
    `goal`      what it should reach
    """

    name: str
    about: str
    measure: "Callable[[Bench, Scenario], Result]"
    load: Requests = Requests()
    peer_load: Requests | None = None
    share: float = 1.0
    seconds: float | None = None
    unit: str = "of nginx"
    lower: bool = False
    floor: float | None = None
    goal: float | None = None

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


@dataclass(slots=True)
class Result:
    """What a scenario came to.

    `score`   what floor and goal are compared with
    `ours`    the main quantity, and `peer` the same of whom it is compared with
    `more`    all other quantities
    `notes`   what a reader must know to judge the figures
    `series`  what was sampled over time: one row per sample
    `faults`  why the scenario failed, whatever its figures
    """

    ours: Figure
    score: float
    peer: Figure | None = None
    more: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: list[dict[str, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
