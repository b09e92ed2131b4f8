"""A tracker to be hurt, and all that is needed to hurt it and to let it recover."""

import contextlib
import http.client
import json
import os
import random
import resource
import signal
import subprocess
import time
import urllib.error
from pathlib import Path
from typing import Any

from chaos.disk import Disk
from chaos.layer.faultlayer import VARIABLE, Control
from harness.process import TrackerProcess, eventually

LAYER = Path(__file__).parent / "layer"
STORES = ("chdb", "duckdb")
READY_SECONDS = 150.0
"""A process that hangs is killed by the supervisor after 60 seconds of silence."""
TRIES = 20
REFUSED_BELOW = 500  # of statuses: what is wrong with the query
_LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_AS)


class Broken(Exception):
    """What must not happen; the message says what did."""


class Hurt(TrackerProcess):
    """Asks again, for some seconds, what cannot be answered now: processes may still start anew.

    They do so by themselves when parts were damaged.
    """

    def _ask(self, query: str, more: dict[str, str]) -> list[dict[str, Any]]:
        for tries_left in reversed(range(TRIES)):
            try:
                return super()._ask(query, more)
            except (OSError, http.client.HTTPException, AssertionError) as failure:
                answer = failure.__cause__
                final = isinstance(answer, urllib.error.HTTPError) and answer.code < REFUSED_BELOW
                if final or not tries_left:
                    raise
            time.sleep(1)
        raise AssertionError(query)


class Arena:
    """One tracker with two workers and two stores, on a small disk of its own where that goes.

    `disk`       the disk of the data directory, or why there is none
    `destroyed`  marks of events in records whose bytes were damaged: they may be missing
    `notes`      what faults have to say of themselves, for the line of the round
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tracker = Hurt(
            folder, Workers=2, Notify=[{"Service": name} for name in STORES],
            Spool={"SegmentBytes": 1 << 20, "Bytes": 192 << 20}, StopSeconds=20)
        self.disk = Disk.mounted(self.tracker.data, folder / "disk")
        self.control = Control.new(folder / "control")
        self.tracker.environment = {
            VARIABLE: str(folder / "control"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(LAYER), os.getenv("PYTHONPATH")]))}
        self.destroyed: set[str] = set()
        self.notes: list[str] = []
        self._limited = False

    def close(self) -> None:
        """End everything; keeps the folder."""
        self._mend()
        self.tracker.kill()
        if isinstance(self.disk, Disk):
            eventually(self._unmounted, 30, "the disk can be taken away")

    # --- processes ------------------------------------------------------------------------------

    def pids(self) -> dict[str, int]:
        """The processes that live now, by name, as they tell it themselves."""
        alive = self.tracker.processes()
        if not alive:
            return {}
        found = {"supervisor": alive[0]}
        for path in (self.tracker.data / "run").glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                stamp = json.loads(path.read_bytes())["stamp"]
                if stamp["pid"] in alive:
                    found[stamp["process"]] = stamp["pid"]
        return found

    def pid(self, name: str, seconds: float = 30.0) -> int:
        """One process by name, as soon as it is there."""
        def lives() -> bool:
            self.revive()
            return name in self.pids()
        eventually(lives, seconds, f"{name} runs")
        return self.pids()[name]

    def worker(self, dice: random.Random) -> int:
        """One of the workers."""
        return self.pid(dice.choice(("w0", "w1")))

    def send(self, pids: list[int], number: int) -> None:
        """Send a signal to those that still live."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def revive(self) -> None:
        """Start the tracker where a fault has ended it; it must not have ended by itself."""
        child = self.tracker.child
        if child is not None and child.poll() is not None:
            raise Broken(f"the supervisor ended by itself with {child.returncode}:"
                         f" {self.tracker.log()[-1500:]}")
        if child is None:
            self.tracker.start(wait=False)

    def limit(self, pid: int, kind: int, most: int) -> None:
        """Bound a resource of a running process until `mend`."""
        with contextlib.suppress(ProcessLookupError):
            self._limited = True
            resource.prlimit(pid, kind, (most, resource.prlimit(pid, kind)[1]))

    def hold(self, seconds: float, dice: random.Random) -> None:
        """Let a fault last; sometimes a process is killed meanwhile."""
        if dice.random() < 0.25:
            time.sleep(seconds / 2)
            name, pid = dice.choice([*self.pids().items()] or [("nobody", 0)])
            if pid and name != "supervisor":
                self.notes.append(f"{name} killed meanwhile")
                self.send([pid], signal.SIGKILL)
            seconds /= 2
        time.sleep(seconds)

    # --- recovery -------------------------------------------------------------------------------

    def mend(self) -> None:
        """End all faults."""
        self._mend()
        if isinstance(self.disk, Disk) and self.disk.dead:  # as its owner would have to
            self.tracker.kill()
            eventually(self._unmounted, 30, "the dead disk can be taken away")
            self.disk.mount()
            self.disk.mend()
        self.revive()

    def ready(self) -> None:
        """End all faults and wait until the tracker is well."""
        self.mend()
        try:
            self.tracker.wait_until_ready(READY_SECONDS)
        except AssertionError as error:
            raise Broken(str(error)) from None

    def _mend(self) -> None:
        self.control.mend()
        if isinstance(self.disk, Disk):
            self.disk.mend()
        self.send(self.tracker.processes(), signal.SIGCONT)
        for pid in self.tracker.processes() if self._limited else ():
            for kind in _LIMITS:  # also of those that were started meanwhile and inherited it
                with contextlib.suppress(ProcessLookupError):
                    _, most = resource.prlimit(pid, kind)
                    resource.prlimit(pid, kind, (most, most))
        self._limited = False

    def _unmounted(self) -> bool:
        """Whether nobody used the disk any more, so that it could be taken away."""
        assert isinstance(self.disk, Disk)
        with contextlib.suppress(subprocess.CalledProcessError):
            self.disk.unmount()
            return True
        return False
