"""All processes' counters as Prometheus reads them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tracker.buckets import SECONDS_BUCKETS
from tracker.metrics import (
    STALE_SECONDS,
    EdgeCounts,
    EdgeSnapshot,
    Histogram,
    LandingCounts,
    QuerySnapshot,
    StoreSnapshot,
    add,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def _counter(name: str, says: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"tracker_{name}", says, value=value)


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tracker_{name}", says, value=value)


def _counters(name: str, says: str, label: str, values: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"tracker_{name}", says, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _histogram(name: str, says: str, label: str | None,
               values: Mapping[str, Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(f"tracker_{name}", says, labels=[label] if label else [])
    names = [*map(str, SECONDS_BUCKETS), "+Inf"]
    for key, histogram in values.items():
        cumulated = accumulate(histogram.counts)
        family.add_metric([key] if label else [], list(zip(names, cumulated, strict=True)),
                          histogram.sum)
    return family


class Exposition(Collector):
    """One look at the snapshots; made anew for each scrape."""

    def __init__(self, edges: Sequence[EdgeSnapshot], store: StoreSnapshot | None,
                 names: Iterable[str], now: float, query: QuerySnapshot | None = None, *,
                 asked: bool = False) -> None:
        self._edges = edges
        self._store = store
        self._query = query
        self._asked = asked
        self._names = tuple(names)
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every metric, in the order of a hit's way."""
        total = self._edges[0].counts
        for edge in self._edges[1:]:
            total = add(total, edge.counts)
        yield from self._processes()
        yield from _door(total)
        yield _gauge("door_connections", "Open connections.",
                     sum(edge.connections for edge in self._edges))
        yield from _spool(total)
        yield _gauge("spool_pending_bytes", "Bytes that wait for their sync.",
                     sum(edge.pending_bytes for edge in self._edges))
        if self._store is not None:
            yield from _sequencer(self._store)
            yield from _stores(self._store.counts)
            yield from _accounting(self._store)
            yield _counters("logins", "Calls of the registry, by what came of their key or"
                            " password.", "outcome", self._store.counts.logins)
        if self._query is not None:
            yield from _query(self._query)
        yield from self._store_states()

    def _processes(self) -> Iterator[Metric]:
        yield InfoMetricFamily("tracker_build", "What runs.",
                               value={"version": self._edges[0].stamp.version})
        up = GaugeMetricFamily("tracker_process_up", "Whether a process tells how it is.",
                               labels=["process"])
        started = GaugeMetricFamily("tracker_process_start_time_seconds",
                                    "When a process was started.", labels=["process"])
        stamps = [edge.stamp for edge in self._edges]
        for process, snapshot, wanted in (("store", self._store, True),
                                          ("query", self._query, self._asked)):
            if snapshot is not None:
                stamps.append(snapshot.stamp)
            elif wanted:
                up.add_metric([process], 0.0)
        for stamp in stamps:
            up.add_metric([stamp.process], float(self._now - stamp.written <= STALE_SECONDS))
            started.add_metric([stamp.process], stamp.started)
        yield up
        yield started

    def _store_states(self) -> Iterator[Metric]:
        store = self._store
        fresh = store is not None and self._now - store.stamp.written <= STALE_SECONDS
        states = store.stores if store is not None else {}
        reachable = GaugeMetricFamily("tracker_store_reachable", "Whether a store takes batches.",
                                      labels=["store"])
        events = GaugeMetricFamily("tracker_store_lag_events", "Events a store still lacks.",
                                   labels=["store"])
        seconds = GaugeMetricFamily("tracker_store_lag_seconds",
                                    "Age of the oldest event a store still lacks.",
                                    labels=["store"])
        cursor = GaugeMetricFamily("tracker_store_cursor", "The last batch that landed.",
                                   labels=["store"])
        suspended = GaugeMetricFamily("tracker_store_suspended",
                                      "Whether batches go before this store has landed them.",
                                      labels=["store"])
        for name in self._names:
            state = states.get(name)
            reachable.add_metric([name], float(fresh and state is not None and state.reachable))
            if state is not None:
                events.add_metric([name], state.lag_events)
                seconds.add_metric([name], state.lag_seconds)
                cursor.add_metric([name], state.cursor)
                suspended.add_metric([name], float(state.suspended))
        yield from (reachable, events, seconds, cursor, suspended)


def _door(total: EdgeCounts) -> Iterator[Metric]:
    door = total.door
    yield _counter("door_connections", "Connections accepted.", door.connections)
    yield _counter("door_hits", "Hits answered after they were durable.", door.hits)
    yield _counter("door_events", "Events in these hits.", door.events)
    yield _counter("door_bytes", "Bytes of tracking requests.", door.bytes)
    yield _counter("door_errors", "Requests that failed by a fault of ours.", door.errors)
    yield _counter("door_websockets", "WebSockets opened.", door.websockets)
    yield _counter("door_messages", "Messages of WebSockets acknowledged, bad ones too.",
                   door.messages)
    requests = CounterMetricFamily("tracker_requests", "Answers, by route and status.",
                                   labels=["route", "status"])
    for key, count in sorted(door.requests.items()):
        requests.add_metric(key.split(" "), count)
    yield requests


def _spool(total: EdgeCounts) -> Iterator[Metric]:
    spool = total.spool
    yield _counter("spool_hits", "Hits made durable.", spool.hits)
    yield _counter("spool_events", "Events made durable.", spool.events)
    yield _counter("spool_bytes", "Bytes written to segments.", spool.bytes)
    yield _counter("spool_errors", "Groups that could not be made durable.", spool.errors)
    yield _histogram("spool_sync_seconds", "Writing and syncing one group.", None,
                     {"": spool.sync})


def _sequencer(store: StoreSnapshot) -> Iterator[Metric]:
    counts = store.counts.sequencer
    yield _counter("sequencer_batches", "Batches sealed.", counts.batches)
    yield _counter("sequencer_hits", "Hits read from the spools.", counts.hits)
    yield _counter("sequencer_events", "Events in these hits.", counts.events)
    yield _counter("sequencer_rows", "Rows sealed.", counts.rows)
    yield _counter("sequencer_bytes", "Bytes of sealed batches.", counts.bytes)
    yield _counter("sequencer_errors", "Times that sealing failed and was begun again.",
                   counts.errors)
    yield _counter("sequencer_conflicts", "Events with a known eid and another body.",
                   counts.conflicts)
    yield _counter("sequencer_eid_evictions", "Ids forgotten before their time, for memory.",
                   counts.eid_evictions)
    yield _counters("spool_damaged", "Records that could not be read, by kind of damage.", "kind",
                    {"corrupt": counts.corrupt, "torn": counts.torn})
    yield _counter("files_damaged", "Files of batches, ids and cursors that changed on disk.",
                   counts.damaged)
    yield _histogram("sequencer_refine_seconds", "Refining the hits of one reading.", None,
                     {"": counts.refine})
    yield _histogram("sequencer_seal_seconds", "Writing and syncing one batch.", None,
                     {"": counts.seal})
    yield _gauge("sequencer_sealed", "The newest batch.", store.sealed)
    yield _gauge("sequencer_lag_bytes", "Bytes in the spools that are not sealed.",
                 store.lag_bytes)
    yield _gauge("sequencer_lag_seconds", "Age of the oldest hit that is not sealed.",
                 store.lag_seconds)
    yield _gauge("sequencer_eid_entries", "Ids that repeats are known by.", store.eid_entries)


def _stores(counts: LandingCounts) -> Iterator[Metric]:
    stores = counts.stores
    for name, says in (("batches", "Batches landed."), ("events", "Events landed."),
                       ("rows", "Rows landed in events."), ("bytes", "Bytes landed."),
                       ("errors", "Batches that could not be landed at once."),
                       ("refused", "Rows that became dead letters, as the store takes them not.")):
        yield _counters(f"store_{name}", says, "store",
                        {store: getattr(own, name) for store, own in stores.items()})
    yield _histogram("store_insert_seconds", "Landing one batch in all tables.", "store",
                     {store: own.insert for store, own in stores.items()})


def _accounting(store: StoreSnapshot) -> Iterator[Metric]:
    own = store.accounting
    yield _counter("events_accepted", "Events in sealed batches, for all time.", own.accepted)
    yield _counters("events_landed", "Events in a store.", "store", own.landed)
    missed = GaugeMetricFamily("tracker_events_missed",
                               "Events that a store will not get: in a gap, or refused by it.",
                               labels=["store"])
    for store_name, count in own.missed.items():
        missed.add_metric([store_name], count)
    yield missed
    yield _counters("events_filtered", "Events left out on purpose.", "reason", own.filtered)
    yield _counters("events_quarantined", "Events that became dead letters.", "reason",
                    own.quarantined)
    yield _counter("events_duplicate", "Events that had been accepted before.", own.duplicate)


def _query(snapshot: QuerySnapshot) -> Iterator[Metric]:
    query = snapshot.counts
    yield _counter("query_queries", "Queries answered.", query.queries)
    yield _counter("query_errors", "Queries that failed or were refused.", query.errors)
    yield _histogram("query_seconds", "Answering one query.", None, {"": query.seconds})
    yield _gauge("query_running", "Queries that run now.", snapshot.running)
