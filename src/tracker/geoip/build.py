"""A process of its own that brings data of places to the form that is mapped.

It takes minutes of a core and hundreds of megabytes for the largest data, and it reads what others
wrote: the store process keeps out of that.
"""

import contextlib
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from tracker.durable import Files
from tracker.errors import TrackerError
from tracker.geoip.collector import Collector, DataRefused
from tracker.geoip.sources import read
from tracker.logs import set_up_logs
from tracker.settings import GeoFile

_NICENESS = 10
_MOST_MEMORY = 4 << 30
_MOST_SECONDS = 3600  # of a core: a tree can be made that takes for ever
_TELL_SECONDS = 5.0
_POLL_SECONDS = 0.1

log = structlog.get_logger("places")


class Order(msgspec.Struct):
    """What to read, in order, and the file to make."""

    files: list[GeoFile]
    target: Path
    debug: bool = False


class Outcome(msgspec.Struct):
    """How it went; `error` says what is wrong with the data."""

    ranges: int = 0
    attribution: str = ""
    error: str | None = None


def build(order: Order, progress: Callable[[int], None]) -> Outcome:
    """Read all files and make one; what is wrong with them is in the outcome."""
    collector = Collector(progress)
    attributions: dict[str, None] = {}
    try:
        for file in order.files:
            collector.next_source()
            attributions[read(file, collector)] = None
        collector.write(Files(), order.target)
    except DataRefused as error:
        return Outcome(error=str(error))
    except MemoryError:
        return Outcome(error=f"reading it takes more than {_MOST_MEMORY >> 30} GiB of memory")
    except (TrackerError, OSError) as error:
        return Outcome(error=str(error))
    return Outcome(collector.ranges, " ".join(filter(None, attributions)))


def build_apart(order: Order, stop: threading.Event) -> Outcome | None:
    """What a process of its own makes of the files; None when it is to stop."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", "from tracker.geoip.build import main; main()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    with child, contextlib.suppress(BrokenPipeError):
        child.stdin.write(msgspec.json.encode(order, enc_hook=str) + b"\n")
        child.stdin.flush()
        while child.poll() is None:
            if stop.wait(_POLL_SECONDS):
                child.kill()
                return None
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(child.stdout.read(), type=Outcome)
    return Outcome(error=f"the process that read it ended with status {child.returncode}")


def main() -> None:
    """Take an order from the first line of standard input, tell the outcome on standard output.

    The other end of standard input is held by the store process: when it closes, this one ends.
    """
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order,
                                dec_hook=lambda kind, value: kind(value))
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    set_up_logs(debug=order.debug)
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    outcome = build(order, _Teller().tell)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


def _end_with_the_other() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


class _Teller:
    """Says in the log how far it is, every few seconds."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def tell(self, ranges: int) -> None:
        now = time.monotonic()
        if now - self._said >= _TELL_SECONDS:
            self._said = now
            log.info("reading places", ranges=ranges)
