"""What a tracker costs at rest: time to start, memory."""

import http.client
import time

from bench.rig import procs
from bench.rig.bench import Bench
from bench.rig.payloads import EVENT, PATH
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import START_SECONDS, Tracker, wait_until

_ROUNDS = 3
_REST_SECONDS = 10.0
_MEGABYTE = 1e6


def start_up(bench: Bench, scenario: Scenario) -> Result:
    """Seconds until the first event is durable, and until it can be queried: new and old data."""
    del scenario
    new, old = [], []
    for _ in range(min(_ROUNDS, bench.plan.rounds)):
        tracker = Tracker(bench.new_path("start"))
        try:
            new.append(_start(tracker, 1))
            tracker.stop()
            old.append(_start(tracker, 2))
        finally:
            tracker.discard()
    ours = Figure("first event durable", "s", tuple(durable for durable, _ in new))
    result = Result(ours, ours.spread.median)
    result.more = [
        Figure("first event can be queried", "s", tuple(ready for _, ready in new)),
        Figure("with old data: first event durable", "s", tuple(durable for durable, _ in old)),
        Figure("with old data: it can be queried", "s", tuple(ready for _, ready in old)),
    ]
    return result


def _start(tracker: Tracker, events: int) -> tuple[float, float]:
    """Seconds until one more event is accepted, and until `events` can be queried."""
    begin = time.monotonic()
    tracker.start(wait=False)
    wait_until(lambda: _post(tracker), START_SECONDS, "an event is accepted")
    durable = time.monotonic() - begin
    wait_until(tracker.ready, START_SECONDS, "the store is ready")
    wait_until(lambda: tracker.landed() == events, START_SECONDS, "the event landed")
    return durable, time.monotonic() - begin


def _post(tracker: Tracker) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", tracker.port, timeout=5)
    try:
        connection.request("POST", PATH, EVENT, {"Content-Type": "application/json"})
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def memory_at_rest(bench: Bench, scenario: Scenario) -> Result:
    """Memory of all processes with the embedded store, a while after the start."""
    del scenario
    tracker = bench.start_tracker()
    try:
        time.sleep(0.0 if bench.plan.smoke else _REST_SECONDS)
        each = {name: procs.memory([pid]) / _MEGABYTE
                for name, pid in tracker.processes().items()}
        total = procs.memory(tracker.family()) / _MEGABYTE
    finally:
        tracker.discard()
    result = Result(Figure("tracker", "MB", (total,)), total)
    result.more = [Figure(name, "MB", (value,)) for name, value in each.items()]
    return result


def memory_under_load(bench: Bench, scenario: Scenario) -> Result:
    """The most that all processes took while the sustained load ran; measured there."""
    del scenario
    if bench.loaded is None:
        raise LookupError("needs what the sustained load took: measure `sustained` before it")
    ours = Figure("tracker", "MB", bench.loaded)
    return Result(ours, ours.spread.most)
