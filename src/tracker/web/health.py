"""How the whole tracker is, told by any worker from the snapshots of all processes."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from tracker.metrics import (
    STALE_SECONDS,
    EdgeSnapshot,
    QuerySnapshot,
    StoreSnapshot,
    StoreState,
)

STORE_PROCESS_DOWN = "the store process gives no sign of life: it starts, hangs, or cannot write"


Status = Literal["ok", "starting", "degraded", "failing"]


class SpoolHealth(TypedDict):
    """How the spools of all workers are together; null is what nobody told yet."""

    accepting: bool
    last_error: str | None
    workers: int
    workers_missing: int
    pending_bytes: int
    lag_bytes: int | None
    lag_seconds: float | None
    corrupt: int | None
    torn: int | None
    damaged: int | None


class StoreHealth(TypedDict):
    """How far behind a store is; `gaps` are numbers of batches, from and to."""

    reachable: bool
    lag_events: int | None
    lag_seconds: float | None
    last_error: str | None
    suspended: bool
    gaps: Sequence[Sequence[int]]


class QueryHealth(TypedDict):
    """Whether queries are answered, and whether walls of the kernel are around them."""

    answering: bool
    confined: bool | None


class PlacesHealth(TypedDict):
    """Which data of places are in use, and whether others are being read."""

    version: str | None
    building: bool
    last_error: str | None


class FileHealth(TypedDict):
    """What is wrong with a file that is looked at anew while the tracker runs."""

    last_error: str | None


class Beside(TypedDict, total=False):
    """Further parts; only what is configured."""

    places: PlacesHealth
    jurisdictions: FileHealth


class Health(Beside):
    """How the whole tracker is."""

    status: Status
    spool: SpoolHealth
    stores: dict[str, StoreHealth]
    queries: NotRequired[QueryHealth]
    registry: NotRequired[FileHealth]


def health(edges: Sequence[EdgeSnapshot], workers: int, store: StoreSnapshot | None,
           names: Iterable[str], now: float, query: QuerySnapshot | None = None, *,
           asked: bool = False, starting: bool = False, beside: Beside | None = None) -> Health:
    """The body of `/health`; `workers` (how many), `names` of stores and whether queries are to be
    `asked` are the configured ones, `now` is in seconds since 1970. `starting` is whether all
    processes were started just now. `beside` are further parts, each with its `last_error`.

    failing: a worker's spool takes nothing, so its clients get 503. degraded: everything sent is
    accepted, but a store, the registry or a process is away, or bytes on disk were damaged.
    starting: everything sent is accepted, but not all have come yet, and nothing is known to be
    wrong.
    """
    answering = query is not None and now - query.stamp.written <= STALE_SECONDS
    live = [edge for edge in edges if now - edge.stamp.written <= STALE_SECONDS]
    refusals = sorted({edge.refuses for edge in live if edge.refuses is not None})
    stores = _stores(store, names, now, starting=starting)
    parts: Iterable[Any] = (beside or {}).values()
    status: Status = "ok"
    if refusals:
        status = "failing"
    elif len(live) < len(edges) or (query is not None and not answering) \
            or any(s["suspended"] or s["last_error"] is not None for s in stores.values()) \
            or (store is not None and _is_wrong(store)) \
            or any(part["last_error"] is not None for part in parts):
        status = "degraded"
    elif store is None or len(live) < workers or (asked and not answering) \
            or not all(s["reachable"] for s in stores.values()):
        status = "starting" if starting else "degraded"
    told: Health = {"status": status, "spool": _spool(live, workers, store, refusals),
                    "stores": stores}
    if asked:
        told["queries"] = {"answering": answering,
                           "confined": query.confined if query is not None else None}
    if store is not None and store.registry is not None:
        told["registry"] = {"last_error": store.registry}
    return {**told, **beside} if beside is not None else told


def _is_wrong(store: StoreSnapshot) -> bool:
    """Whether the store process knows of a fault besides those of its stores."""
    counts = store.counts.sequencer
    return bool(counts.corrupt or counts.damaged or store.last_error is not None
                or store.registry is not None)


def _spool(live: Sequence[EdgeSnapshot], workers: int, store: StoreSnapshot | None,
           refusals: list[str]) -> SpoolHealth:
    counts = store.counts.sequencer if store is not None else None
    return {
        "accepting": not refusals,
        "last_error": "; ".join(refusals) or None,
        "workers": len(live),
        "workers_missing": max(workers - len(live), 0),
        "pending_bytes": sum(edge.pending_bytes for edge in live),
        "lag_bytes": store.lag_bytes if store is not None else None,
        "lag_seconds": store.lag_seconds if store is not None else None,
        "corrupt": counts.corrupt if counts is not None else None,
        "torn": counts.torn if counts is not None else None,
        "damaged": counts.damaged if counts is not None else None,
    }


def _stores(store: StoreSnapshot | None, names: Iterable[str], now: float, *, starting: bool
            ) -> dict[str, StoreHealth]:
    down = not starting if store is None else now - store.stamp.written > STALE_SECONDS
    found = store.stores if store is not None else {}
    answer: dict[str, StoreHealth] = {}
    for name in names:
        state = found.get(name)
        error = state.last_error if state is not None else None
        answer[name] = {
            "reachable": state is not None and state.reachable and not down,
            "lag_events": state.lag_events if state is not None else None,
            "lag_seconds": _lag(store, state, now) if down else
            state.lag_seconds if state is not None else None,
            "last_error": STORE_PROCESS_DOWN if down else error,
            "suspended": state is not None and state.suspended,
            "gaps": state.gaps if state is not None else [],
        }
    return answer


def _lag(store: StoreSnapshot | None, state: StoreState | None, now: float) -> float | None:
    """While the store process says nothing, what it last said grows older."""
    if store is None or state is None:
        return None
    return round(state.lag_seconds + now - store.stamp.written, 3)
