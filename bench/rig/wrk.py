"""wrk as the load of the closed loop: one command, one line of JSON back."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rig.procs import held, on_cores

SCRIPTS = Path(__file__).parents[1] / "lua"
_PATIENCE_SECONDS = 30.0


class LoadFailed(Exception):
    """The load did not run as it should; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Load:
    """One run of wrk's scripts: `script` of bench/lua with its arguments.

    `events`  how many events one request holds
    """

    script: str
    arguments: tuple[str, ...]
    connections: int = 64
    events: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What wrk counted. Requests are those answered; latencies in seconds, of a closed loop."""

    requests: int
    seconds: float
    failed: int  # answers of 400 and above
    broken: int  # connections that could not be made, read or written, or took too long
    p50: float
    p99: float
    most: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0


def command(load: Load, url: str, seconds: float) -> list[str]:
    """The command line of one run."""
    return ["wrk", "--threads", "1", "--connections", str(load.connections),
            "--duration", f"{max(round(seconds), 1)}s", "--timeout", "10s",
            "--script", load.script, url, "--", *load.arguments]


def parse(printed: str) -> Outcome:
    """What the script's line of JSON says; wrk prints its own report around it."""
    line = next((line for line in printed.splitlines() if line.startswith("{")), None)
    if line is None:
        raise LoadFailed(f"wrk printed no result: {printed.strip()[-500:]}")
    said = json.loads(line)
    return Outcome(
        requests=said["requests"], seconds=said["microseconds"] / 1e6,
        failed=said["status"], broken=said["connect"] + said["read"] + said["write"]
        + said["timeout"], p50=said["p50"] / 1e6, p99=said["p99"] / 1e6, most=said["max"] / 1e6)


def drive(load: Load, url: str, seconds: float, cores: Sequence[int] = ()) -> Outcome:
    """Run wrk to its end, on `cores` when any are named."""
    with held(start(load, url, seconds, cores)) as child:
        return finish(child, seconds)


def start(load: Load, url: str, seconds: float, cores: Sequence[int] = (),
          ) -> "subprocess.Popen[str]":
    """Start wrk; `finish` waits for it."""
    with on_cores(cores):
        return subprocess.Popen(command(load, url, seconds), cwd=SCRIPTS, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(child: "subprocess.Popen[str]", seconds: float) -> Outcome:
    """Wait for a started wrk; every failed answer is a failure of the run."""
    try:
        printed, _ = child.communicate(timeout=seconds + _PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"wrk did not end within {_PATIENCE_SECONDS:g} s of its time") from None
    if child.returncode:
        raise LoadFailed(f"wrk ended with {child.returncode}: {printed.strip()[-500:]}")
    outcome = parse(printed)
    if outcome.failed or outcome.broken or not outcome.requests:
        raise LoadFailed(f"{outcome.requests} answers, {outcome.failed} of them refusals, and "
                         f"{outcome.broken} broken connections or time-outs")
    return outcome
