"""Every scenario in one table: a new one is a line here, and in `measures` if it needs a new way.

A scenario says what is sent (`Requests`), how it is measured, beside whom, and what it must reach.
A request that a new part takes needs its line alone: `race` sends any request of HTTP. Who speaks
no HTTP needs a load too, as `rig/window.py` is one.
"""

from functools import partial

from bench.measures import tls
from bench.measures.dashboard import dashboard
from bench.measures.drain import drain, drain_of_log, second_store
from bench.measures.growth import ingest_when_full
from bench.measures.latency import lag, latency
from bench.measures.messages import packed, text
from bench.measures.race import race, race_of_log
from bench.measures.resources import memory_at_rest, memory_under_load, start_up
from bench.measures.rivals import rivals
from bench.measures.short import CLICK, short
from bench.measures.size import bytes_per_event
from bench.measures.soak import soak
from bench.measures.steps import looking_up, refining
from bench.measures.sustain import sustain
from bench.measures.workers import two_workers
from bench.peers import table as peers
from bench.rig import payloads
from bench.rig.scenario import PIXEL, TUPLES, Requests, Scenario

_ONE = Requests()
_CLOSING = Requests(headers=payloads.JSON_HEADERS + "Connection: close\n")


def _array(events: int, connections: int = 64) -> Requests:
    return Requests(body=partial(payloads.array, events), events=events, connections=connections)


def _by(connections: int) -> Scenario:
    about = f"The same, connections: {connections}."
    return Scenario(
        f"post-c{connections}", about, race,
        Requests(connections=connections), rounds=3, seconds=2, smoke=False)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("post", "One event a POST, 372 bytes, durable before its answer; 64 connections.",
             race, floor=0.40, goal=0.55),
    _by(1), _by(8), _by(512),
    Scenario("post-browser", "The same with the 15 headers of a browser.", race,
             Requests(headers=payloads.BROWSER_HEADERS), floor=0.40, goal=0.55, rounds=3,
             smoke=False),
    Scenario("get-tuples", "One event in the pairs of a path: GET /tr/v1/tr/key/value/…", race,
             TUPLES, rounds=3, seconds=2),
    Scenario("short-url", "A click on a short URL, beside GETs of get-tuples.", short, CLICK,
             unit="of GET /tr/", floor=0.8, rounds=3, seconds=2),
    Scenario("pixel", "A GIF of one pixel with an event in its query.", race, PIXEL, rounds=3,
             seconds=2),
    Scenario("mixed", "The requests of a web server's log, two of three as JSON, each with an id"
             " of its own.", race_of_log, rounds=2, seconds=2),
    Scenario("array-10", "Arrays of 10 events; events/s to nginx's requests/s of one event.", race,
             _array(10), peer_load=_ONE, rounds=3, seconds=1, smoke=False),
    Scenario("array-100", "Arrays of 100 events; events/s to nginx's requests/s of one event.",
             race, _array(100), peer_load=_ONE, rounds=3, seconds=1, floor=4, goal=8),
    Scenario("array-1000", "Arrays of 1,000 events; events/s to nginx's requests/s of one event.",
             race, _array(1000, connections=16), peer_load=_ONE, rounds=2, seconds=1, smoke=False),
    Scenario("ndjson-100", "100 events line by line; events/s to nginx's requests/s of one event.",
             race, Requests(body=partial(payloads.lines, 100), events=100), peer_load=_ONE,
             rounds=2, seconds=1, smoke=False),
    Scenario("ws-text", "WebSockets: text messages of one event, 400 on their way on each of 32"
             " connections, acknowledged by count.", text, Requests(connections=32),
             unit="messages/s", goal=100_000, rounds=3, seconds=2),
    Scenario("ws-lz4", "The same with LZ4 messages.", packed, Requests(connections=32),
             unit="messages/s", goal=100_000, rounds=2, seconds=2, smoke=False),
    Scenario("tls", "TLS on connections that are kept, beside plain ones; nginx over TLS.",
             tls.kept, unit="of plain", goal=0.8, rounds=3, seconds=2),
    Scenario("tls-new", "A TLS connection for each request, its session resumed; nginx, same key.",
             tls.new, _CLOSING, rounds=3, seconds=2, smoke=False),
    Scenario("two-workers", "CPU of a request with two workers over that with one, 64 connections"
             " each.", two_workers, unit="of one", lower=True, goal=1.1, rounds=3,
             seconds=2),
    Scenario("peers-durable", "One event, 64 on their way, beside servers that answer once it is"
             " synced.", rivals, peers=peers.DURABLE, unit="of the best", goal=2,
             rounds=3, seconds=2),
    Scenario("peers-loose", "Pipes as they come, which answer before it is synced.", rivals,
             peers=peers.LOOSE, unit="of the best", rounds=3, seconds=2, smoke=False),
    Scenario("collectors", "Collectors that answer before an event is on disk.", rivals,
             peers=peers.COLLECTORS, unit="of the best", goal=1, rounds=3, seconds=2, smoke=False),
    Scenario("pixel-logs", "A pixel, beside web servers that keep its request in a log.", rivals,
             PIXEL, peers=peers.LOGS, unit="of the best", rounds=3, seconds=2),
    Scenario("disk-limits", "One event a POST, beside loops that do nothing but make events"
             " durable.", rivals, peers=peers.DISK, unit="of the best", rounds=3, seconds=1),
    Scenario("drain", "From the spool into the embedded engine, with every derived table.", drain,
             unit="events/s of a core", floor=20_000, goal=35_000, rounds=3),
    Scenario("drain-log", "The same with the requests of `mixed`.", drain_of_log,
             unit="events/s of a core", floor=20_000, goal=35_000, rounds=2, smoke=False),
    Scenario("refine", "Hits of browsers, each with cookies of its own, to typed rows; no reading,"
             " no writing.", refining, unit="events/s of a core", rounds=3),
    Scenario("geoip", "Addresses to places, 10,000 at once, among 7.5 million ranges.", looking_up,
             unit="lookups/s of a core", rounds=3),
    Scenario("second-store", "CPU that a DuckDB file beside the embedded engine takes.",
             second_store, unit="µs an event", lower=True, rounds=2, short=False, full=True),
    Scenario("sustained", "Load, edge and store on all cores for minutes, as much as is answered;"
             " made traffic, one event a POST, each with an id of its own.", sustain,
             unit="events/s", floor=12_000),
    Scenario("sustained-20k", "The same at a fixed rate of 20,000 events/s, open loop: the greatest"
             " lag of the oldest event.", sustain, rate=20_000, unit="s", lower=True, floor=10,
             goal=3),
    Scenario("memory-loaded", "Memory of all processes during `sustained`, the most (PSS).",
             memory_under_load, unit="MB", lower=True, goal=1_200),
    Scenario("latency-25", "p99 of a durable POST at a quarter of the peak rate, open loop.",
             latency, share=0.25, unit="ms", lower=True, smoke=False),
    Scenario("latency-50", "p99 of a durable POST at half of the peak rate, open loop.", latency,
             share=0.5, unit="ms", lower=True, floor=10, goal=4),
    Scenario("latency-75", "p99 of a durable POST at three quarters of the peak rate, open loop.",
             latency, share=0.75, unit="ms", lower=True, smoke=False),
    Scenario("landing-lag", "p99 from an answer until the event can be queried, at half of the"
             " sustained rate.", lag, share=0.5, unit="s", lower=True, floor=2, goal=1),
    Scenario("start-up", "From the start until an event is durable.", start_up, unit="s",
             lower=True),
    Scenario("memory-idle", "Memory of all processes with the embedded store (PSS).",
             memory_at_rest, unit="MB", lower=True, goal=600),
    Scenario("disk", "Bytes on disk of an event, all tables together.", bytes_per_event,
             unit="bytes", lower=True, goal=60),
    Scenario("soak", "Half of the sustained rate for long, with a dashboard's questions beside it;"
             " nothing may grow.", soak, share=0.5, unit="events/s", short=False),
    Scenario("dashboard-1m", "The slowest of nine questions of a dashboard; 1 million events.",
             dashboard, rows=1_000_000, unit="s", lower=True, full=True),
    Scenario("dashboard-10m", "The same with 10 million events.", dashboard, rows=10_000_000,
             unit="s", lower=True, short=False, full=True, smoke=False),
    Scenario("dashboard-50m", "The same with 50 million events.", dashboard, rows=50_000_000,
             unit="s", lower=True, short=False, full=True, smoke=False),
    Scenario("ingest-50m", "Events/s with 50 million stored over those of an empty store.",
             ingest_when_full, rows=50_000_000, unit="of empty", goal=0.95,
             short=False, full=True),
    Scenario("sustained-30", "As `sustained-20k`, for half an hour.", sustain, minutes=30,
             rate=20_000, unit="s", lower=True, floor=10, goal=3, short=False, full=True,
             smoke=False),
)
