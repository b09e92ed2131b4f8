"""One run of the benchmark: its plan, its folder, and the servers that its scenarios share."""

import secrets
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rig import logtraffic, payloads, procs
from bench.rig.nginx import Nginx
from bench.rig.procs import Cores
from bench.rig.scenario import Requests, Scenario
from bench.rig.servers import Tracker
from bench.rig.wrk import Load, drive

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """How long things are measured.

    `rounds`, `seconds`  of each server that is compared
    `minutes`  of the sustained load
    `fixed_seconds`  of a load at a fixed rate
    `rate`     events/s of the soak; None is half of what can be sustained
    `settle_seconds`  how long a scenario may wait until all it sent has landed, or is merged
    `smoke`    only whether everything works: few requests, nothing judged but errors and counts
    """

    rounds: int = 5
    seconds: float = 3.0
    minutes: float = 1.0
    fixed_seconds: float = 6.0
    rate: float | None = None
    settle_seconds: float = 10.0
    smoke: bool = False

    @classmethod
    def for_smoke(cls) -> "Plan":
        """A second of everything."""
        return cls(rounds=1, seconds=1, minutes=1 / 60, fixed_seconds=1.0, rate=100.0,
                   settle_seconds=30.0,
                   smoke=True)

    @classmethod
    def for_full(cls) -> "Plan":
        """Time does not matter: all that was sent is waited for."""
        return cls(minutes=5.0, fixed_seconds=20.0, settle_seconds=300.0)


class Bench:
    """What a way of measuring gets: `plan`, `cores`, servers, files, and a place for data."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.cores = Cores.of_this_machine()
        directory.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir=directory))
        self._nginx: Nginx | None = None
        self._tracker: Tracker | None = None
        self._filled: Tracker | None = None
        self.sustained: float | None = None  # events/s, set by the scenario that measures it
        self.loaded: tuple[float, ...] | None = None  # MB of memory meanwhile, by the same
        self._peak: float | None = None
        self._made = 0

    def close(self) -> None:
        """Stop what runs, remove what was written."""
        self.drop_tracker()
        if self._filled is not None:
            self._filled.discard()
        if self._nginx is not None:
            self._nginx.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_path(self, name: str) -> Path:
        """A path in the folder of this run that nothing has used."""
        self._made += 1
        return self.folder / f"{self._made}-{name}"

    def say(self, text: str) -> None:
        """Tell what happens now, aside from the results."""
        print(text, file=sys.stderr, flush=True)

    # --- servers ------------------------------------------------------------------------------

    def nginx(self) -> Nginx:
        """The one nginx of this run."""
        if self._nginx is None:
            self._nginx = Nginx(self.new_path("nginx"))
        return self._nginx

    def tracker(self) -> Tracker:
        """The tracker that scenarios share, with nothing left to land."""
        if self._tracker is None:
            self._tracker = self.start_tracker()
        return self._tracker

    def start_tracker(self, **config: Any) -> Tracker:
        """A tracker of one's own; whoever asks for it stops it."""
        return Tracker(self.new_path("tracker"), **config).start()

    def filled(self, rows: int) -> Tracker:
        """One tracker whose store is made to hold at least so many events, with nothing to land."""
        if self._filled is None:
            self._filled = self.start_tracker()
            drive(self.traffic(), self._filled.url, self.seed_seconds)
            self.settle(self._filled)
        if self._filled.fill(rows):
            procs.wait_until_quiet(self._filled.processes()["store"], self.plan.settle_seconds)
        return self._filled

    @property
    def seed_seconds(self) -> float:
        """How long made traffic is taken, of which a large store is made."""
        return 1.0 if self.plan.smoke else 3.0

    def drop_tracker(self) -> None:
        """End the shared tracker, with all that it holds."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.discard()

    def settle(self, tracker: Tracker) -> tuple[int, int]:
        """Wait until all that was accepted has landed, or until the plan's time is up.

        Gives how many events were accepted, and how many of them can be queried.
        """
        accepted = tracker.accepted()
        until = time.monotonic() + self.plan.settle_seconds
        while (min(tracker.landed_in_each(), default=0) < accepted
               and time.monotonic() < until):
            time.sleep(_LOOK_SECONDS)
        tracker.require_life()
        return accepted, tracker.landed()

    def seconds(self, scenario: Scenario) -> float:
        """Of a round."""
        return min(self.plan.seconds, scenario.seconds or self.plan.seconds)

    # --- loads --------------------------------------------------------------------------------

    def load(self, wanted: Requests) -> Load:
        """A load ready for wrk; in a smoke run with few connections that take their time."""
        body, headers = self.new_path("body"), self.new_path("headers")
        body.write_text(wanted.body())
        headers.write_text(wanted.headers)
        return self._paced("same.lua", wanted, wanted.method, wanted.path, str(body), str(headers))

    def traffic(self, connections: int = 64, count: int = 20_000, pause: int = 0,
                rate: float = 0) -> Load:
        """Made traffic of browsers as a load: `count` requests in turn, each event with an id of
        its own. Each connection waits `pause` milliseconds before each request; or `rate` requests
        a second are sent over all, whatever the answers do.
        """
        count = min(count, 500) if self.plan.smoke else count
        path = self.folder / f"traffic-{count}"
        if not path.exists():
            path.write_text("\n".join(payloads.traffic(count)))
        return self._paced("traffic.lua", Requests(connections=connections), str(path),
                           secrets.token_hex(4), "0" if self.plan.smoke else str(rate),
                           pause=pause)

    def log_traffic(self, connections: int = 64) -> Load:
        """The requests of a web server's log as a load: every event with an id of its own."""
        path = self.folder / "log-traffic"
        if not path.exists():
            path.write_text("\n".join(logtraffic.requests()))
        return self._paced("traffic.lua", Requests(connections=connections), str(path),
                           secrets.token_hex(4))

    def _paced(self, script: str, wanted: Requests, *arguments: str, pause: int = 0) -> Load:
        smoke = self.plan.smoke
        return Load(script, ("50" if smoke else str(pause), *arguments),
                    min(wanted.connections, 4) if smoke else wanted.connections, wanted.events)

    def peak(self) -> float:
        """Requests/s that the tracker takes while all share all cores: 100 % of a fixed rate."""
        if self._peak is None:
            tracker = self.tracker()
            if self.plan.smoke:
                self._peak = 200.0
            else:
                load = self.load(Requests())
                self._peak = statistics.median(
                    drive(load, tracker.url, self.plan.seconds).rate for _ in range(3))
                self.settle(tracker)
        return self._peak
