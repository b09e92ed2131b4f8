"""Messages/s of WebSockets, acknowledged by count when they are durable."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measures.rounds import Rounds, check_shared, foreign, in_turn, note_limits, placed
from bench.rig import sockets
from bench.rig.bench import Bench
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import Tracker
from bench.rig.wrk import Outcome


@dataclass(frozen=True, slots=True)
class _Sockets:
    """A tracker under WebSockets."""

    tracker: Tracker
    kind: str
    connections: int
    body: Path

    def processes(self) -> dict[str, int]:
        """Those of the tracker."""
        return self.tracker.processes()

    def drive(self, seconds: float, cores: Sequence[int]) -> Outcome:
        """A round of the load."""
        return sockets.drive(self.kind, self.tracker.port, seconds, self.connections, self.body,
                             cores)


def text(bench: Bench, scenario: Scenario) -> Result:
    """Text messages; the score is messages/s."""
    return _measure(bench, scenario, "text")


def packed(bench: Bench, scenario: Scenario) -> Result:
    """LZ4 messages; the score is messages/s."""
    return _measure(bench, scenario, "lz4")


def _measure(bench: Bench, scenario: Scenario, kind: str) -> Result:
    tracker, body = bench.tracker(), bench.new_path("body")
    body.write_text(scenario.load.body())
    side = _Sockets(tracker, kind, scenario.load.connections, body)
    ours = Rounds("tracker", side, "w0", connections=0)  # it waits for all that it sent
    before = tracker.accepted()
    with placed(bench.cores, [tracker]):
        in_turn(bench, [ours], scenario.rounds, bench.seconds(scenario))
    figure = Figure("tracker", "messages/s", ours.event_rates)
    result = Result(figure, figure.spread.median)
    result.more = [
        Figure("CPU of the edge", "µs a message", ours.micros("w0")),
        Figure("CPU of the store", "µs a message", ours.micros("store")),
        Figure("p99 of 100 messages", "ms", tuple(ours.latencies)),
        Figure("core of the edge, busy", "", tuple(ours.busy)),
        foreign([ours]),
    ]
    note_limits([ours], result)
    check_shared(bench, tracker, [ours], before, result)
    return result
