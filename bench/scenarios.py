"""Every scenario in one table: a new one is a line here, and in `measures` if it needs a new way.

A scenario says what is sent (`Requests`), how it is measured, and what it must reach.
"""

from functools import partial

from bench.measures.drain import drain
from bench.measures.latency import lag, latency
from bench.measures.race import race
from bench.measures.resources import memory_at_rest, start_up
from bench.measures.sustain import sustain
from bench.rig import payloads
from bench.rig.scenario import Requests, Scenario

_ONE = Requests()


def _array(events: int, connections: int = 64) -> Requests:
    return Requests(body=partial(payloads.array, events), events=events, connections=connections)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("post", "One event a POST, 372 bytes, durable before its answer; 64 connections.",
             race, floor=0.40, goal=0.55),
    Scenario("post-browser", "The same with the 15 headers of a browser.", race,
             Requests(headers=payloads.BROWSER_HEADERS), floor=0.40, goal=0.55),
    Scenario("get-tuples", "One event in the pairs of a path: GET /tr/v1/tr/key/value/…", race,
             Requests("GET", payloads.TUPLES, body=str, headers="")),
    Scenario("pixel", "A GIF of one pixel with an event in its query.", race,
             Requests("GET", payloads.PIXEL + "?vid=v1&ename=open&etyp=mail", body=str,
                      headers="")),
    Scenario("array-10", "Arrays of 10 events; events/s to nginx's requests/s of one event.", race,
             _array(10), peer_load=_ONE, seconds=2),
    Scenario("array-100", "Arrays of 100 events; events/s to nginx's requests/s of one event.",
             race, _array(100), peer_load=_ONE, seconds=2, floor=4, goal=8),
    Scenario("array-1000", "Arrays of 1,000 events; events/s to nginx's requests/s of one event.",
             race, _array(1000, connections=16), peer_load=_ONE, seconds=2),
    Scenario("ndjson-100", "100 events line by line; events/s to nginx's requests/s of one event.",
             race, Requests(body=partial(payloads.lines, 100), events=100), peer_load=_ONE,
             seconds=2),
    Scenario("drain", "From the spool into the embedded engine, with every derived table.", drain,
             unit="events/s of a core", floor=20_000, goal=35_000),
    Scenario("sustained", "Load, edge and store on all cores for minutes; made traffic, one event"
             " a POST, each with an id of its own.", sustain, unit="events/s", floor=12_000,
             goal=20_000),
    Scenario("latency-50", "p99 of a durable POST at half of the peak rate, open loop.", latency,
             share=0.5, unit="ms", lower=True, floor=10, goal=4),
    Scenario("landing-lag", "p99 from an answer until the event can be queried, at half of the"
             " sustained rate.", lag, share=0.5, unit="s", lower=True, floor=2, goal=1),
    Scenario("start-up", "From the start until an event is durable.", start_up, unit="s",
             lower=True),
    Scenario("memory-idle", "Memory of all processes with the embedded store (PSS).",
             memory_at_rest, unit="MB", lower=True, floor=600),
)
