"""What following a short URL costs, beside an event in the pairs of a path."""

import json
import statistics
import subprocess
import sys
import urllib.request
from dataclasses import replace

from bench.measures.rounds import Rounds, check, foreign, in_turn, note_limits, placed
from bench.peers.base import Web
from bench.rig.bench import Bench
from bench.rig.scenario import TUPLES, Figure, Requests, Result, Scenario
from bench.rig.servers import Tracker

_PATH = "/spring"


def short(bench: Bench, scenario: Scenario) -> Result:
    """The score is clicks/s over GETs of `/tr/`, both ours, in turn."""
    load = bench.load(replace(scenario.load, path=_PATH))
    tracker = bench.start_tracker()
    try:
        _link(tracker)
        clicks = Rounds("short URL", Web(tracker, load), "w0", connections=load.connections)
        events = Rounds("GET /tr/", Web(tracker, bench.load(TUPLES)), "w0",
                        connections=load.connections)
        sides = (clicks, events)
        before = tracker.accepted()
        with placed(bench.cores, [tracker]):
            in_turn(bench, sides, scenario.rounds, bench.seconds(scenario))
        score = statistics.median(clicks.rates) / statistics.median(events.rates)
        result = Result(Figure("short URL", "clicks/s", clicks.event_rates), score,
                        Figure("GET /tr/", "events/s", events.event_rates))
        result.more = [*(Figure(f"CPU of {each.name}", "µs a request", each.micros("w0"))
                         for each in sides), foreign(sides)]
        note_limits(sides, result)
        check(bench, tracker, sides, before, result)
    finally:
        tracker.discard()
    return result


def _link(tracker: Tracker) -> None:
    """One short URL at the address that the load asks for."""
    def account(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tracker", "account", *words, "--config",
             tracker.folder / "config.json"],
            check=True, capture_output=True, text=True).stdout.strip()

    account("add", "bench", "--no-password")
    wanted = {"urlfrom": tracker.url + _PATH, "urlto": "https://shop.example/sale?utm_source=b"}
    request = urllib.request.Request(
        tracker.url + "/tr/v1/rpi/redirect", json.dumps(wanted).encode(),
        {"Authorization": "Bearer " + account("key", "bench")}, method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


CLICK = Requests("GET", body=str, headers="")
"""A click of somebody without cookies; its path comes with the tracker."""
