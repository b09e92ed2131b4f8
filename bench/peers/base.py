"""What all peers have in common: what they are, what their answer promises, how they are driven."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.rig.servers import Server
from bench.rig.wrk import Load, Outcome, drive

if TYPE_CHECKING:
    from bench.rig.bench import Bench


class Side(Protocol):
    """One side of a comparison while it runs."""

    def processes(self) -> dict[str, int]:
        """Its processes by name; the first is the one that answers."""
        ...

    def drive(self, seconds: float, cores: Sequence[int]) -> Outcome:
        """Load it for so long with a client on `cores`; every refusal raises."""
        ...


class Running(Side, Protocol):
    """A peer that was started."""

    def kept(self) -> int | None:
        """How many of the events sent so far it holds; None where it holds none by intent."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """One line of the table of peers.

    `promise`  what is true of an event once it was answered
    `durable`  whether that is that a sync returned: the promise of the tracker
    `program`  what it runs, by its name in bench/peers/programs.py; empty is nothing to install
    `start`    starts it in a folder of its own; raises `NotInstalled`
    """

    name: str
    promise: str
    durable: bool
    program: str
    start: "Callable[[Bench, Path], Running]"


@dataclass(frozen=True, slots=True)
class Web:
    """A server of HTTP under wrk."""

    server: Server
    load: Load

    def processes(self) -> dict[str, int]:
        """Those of the server."""
        return self.server.processes()

    def drive(self, seconds: float, cores: Sequence[int]) -> Outcome:
        """A round of wrk."""
        return drive(self.load, self.server.url, seconds, cores)
