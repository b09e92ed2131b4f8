"""Requests/s beside the limit, nginx that answers and keeps nothing."""

from bench.measures.rounds import Rounds, check_shared, foreign, in_turn, note_limits, placed
from bench.peers.base import Web
from bench.rig.bench import Bench
from bench.rig.figures import ratio
from bench.rig.scenario import Figure, Result, Scenario
from bench.rig.wrk import Load


def race(bench: Bench, scenario: Scenario) -> Result:
    """One request over and over; the score is the ratio of medians: events/s to requests/s."""
    return _race(bench, scenario, bench.load(scenario.load),
                 bench.load(scenario.peer_load or scenario.load))


def race_of_log(bench: Bench, scenario: Scenario) -> Result:
    """The same with the requests of a web server's log."""
    load = bench.log_traffic(scenario.load.connections)
    return _race(bench, scenario, load, load)


def _race(bench: Bench, scenario: Scenario, load: Load, peer_load: Load) -> Result:
    tracker, nginx = bench.tracker(), bench.nginx()
    ours = Rounds("tracker", Web(tracker, load), "w0", load.events, load.connections)
    theirs = Rounds("nginx", Web(nginx, peer_load), "nginx")
    before = tracker.accepted()
    with placed(bench.cores, [tracker], [nginx]):
        in_turn(bench, (ours, theirs), scenario.rounds, bench.seconds(scenario))
    result = _result(ours, theirs)
    check_shared(bench, tracker, [ours], before, result)
    return result


def _result(ours: Rounds, theirs: Rounds) -> Result:
    events = ours.event_rates
    found = ratio(events, theirs.rates)
    if found is None:
        raise ZeroDivisionError("a round of the peer answered nothing")
    result = Result(Figure("tracker", "events/s", events), found.of_medians,
                    Figure("nginx", "requests/s", tuple(theirs.rates)))
    result.more = [
        Figure("ratio of pairs", "", tuple(a / b for a, b in
                                           zip(events, theirs.rates, strict=True))),
        Figure("CPU of the edge", "µs a request", ours.micros("w0")),
        Figure("CPU of nginx", "µs a request", theirs.micros("nginx")),
        Figure("ratio of CPU", "", tuple(
            b / a * ours.events for a, b in
            zip(ours.micros("w0"), theirs.micros("nginx"), strict=True) if a)),
        Figure("CPU of the store", "µs a request", ours.micros("store")),
        Figure("core of the edge, busy", "", tuple(ours.busy)),
        Figure("core of nginx, busy", "", tuple(theirs.busy)),
        foreign((ours, theirs)),
    ]
    note_limits((ours, theirs), result)
    return result
