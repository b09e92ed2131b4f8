"""What TLS costs: kept connections beside plain ones, new connections beside nginx's."""

import statistics

from bench.measures.rounds import Rounds, check, foreign, in_turn, note_limits, placed
from bench.peers.base import Web
from bench.rig.bench import Bench
from bench.rig.nginx import Nginx, tls
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.servers import Tracker, free_port


class _Secure:
    """The TLS side of a tracker: the same processes at another address."""

    def __init__(self, tracker: Tracker, port: int) -> None:
        self.url = f"https://127.0.0.1:{port}"
        self.processes = tracker.processes


def kept(bench: Bench, scenario: Scenario) -> Result:
    """The score is TLS over plain, both ours; nginx over TLS, same key, beside it."""
    return _measure(bench, scenario, plain=True)


def new(bench: Bench, scenario: Scenario) -> Result:
    """A connection for each request; the score is ours over nginx's, both over TLS, same key."""
    return _measure(bench, scenario, plain=False)


def _measure(bench: Bench, scenario: Scenario, *, plain: bool) -> Result:
    port = free_port()
    load = bench.load(scenario.load)
    tracker = bench.start_tracker(ProxyPortTLS=f"127.0.0.1:{port}")
    try:
        nginx = Nginx(bench.new_path("nginx"), tls(next(tracker.data.rglob("self-signed.pem"))),
                      [bench.cores.server])
        try:
            secure = Rounds("tracker, TLS", Web(_Secure(tracker, port), load), "w0",
                            connections=load.connections)
            theirs = Rounds("nginx, TLS", Web(nginx, load), "nginx")
            open_ = Rounds("tracker, plain", Web(tracker, load), "w0",
                           connections=load.connections)
            sides = (secure, theirs, open_) if plain else (secure, theirs)
            before = tracker.accepted()
            with placed(bench.cores, [tracker]):
                in_turn(bench, sides, scenario.rounds, bench.seconds(scenario))
        finally:
            nginx.stop()
        other = open_ if plain else theirs
        score = statistics.median(secure.rates) / statistics.median(other.rates)
        result = Result(Figure("tracker, TLS", "events/s", secure.event_rates), score,
                        Figure("nginx, TLS", "requests/s", tuple(theirs.rates)))
        result.more = [
            *([Figure("tracker, plain", "events/s", open_.event_rates)] if plain else []),
            *(Figure(f"CPU of {each.name}", "µs a request", each.micros(each.main))
              for each in sides), foreign(sides)]
        note_limits(sides, result)
        check(bench, tracker, [each for each in sides if each is not theirs], before, result)
    finally:
        tracker.discard()
    return result
