"""CPU µs per event of refining, on made traffic and, where it is present, on a real log.

    python bench/refine.py [rows]

Prints the best and the median of several rounds, and the share of each step. `bench/run.py refine`
takes `micros` of it.
"""

import gc
import hashlib
import importlib.util
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tracker.hit import Hit, Route, Shape
from tracker.refine import Refinery
from tracker.settings import RefineSettings

ROUNDS = 7
RECEIVED = 1_764_000_000 * 10**9
LOG = Path(__file__).parents[2] / "shared" / "data"

HEAD = (b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: tracker.example.com\r\n"
        b"Content-Type: application/json\r\nContent-Length: 400\r\n")
BROWSER_HEAD = (
    "POST /tr/v1/tr/ HTTP/1.1\r\nHost: tracker.example.com\r\nConnection: keep-alive\r\n"
    "Content-Length: {length}\r\nsec-ch-ua: \"Chromium\";v=\"142\"\r\n"
    "Content-Type: application/json\r\nUser-Agent: {agent}\r\nAccept: */*\r\n"
    "Origin: https://www.example.com\r\nReferer: https://www.example.com/shop/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: de-AT,de;q=0.9\r\n"
    "Cookie: vid={vid}; sess={sid}\r\n")
AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    f"Chrome/{major}.0.0.0 Safari/537.36" for major in range(100, 200)
]


def main() -> None:
    """Measure every kind of traffic."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    random.seed(7)
    for name, make in KINDS.items():
        measure(name, make(rows))
    if (LOG / "access.log.gz").exists():
        measure("real log, mixed", real())


def measure(name: str, hits: list[Hit]) -> None:
    """Print what refining these hits costs."""
    refinery = new_refinery()
    rounds = micros(refinery, hits, ROUNDS)
    steps = step_times(refinery, hits)
    rows = sum(hit.events for hit in hits)
    print(f"{name}: best {min(rounds):.1f}, median {statistics.median(rounds):.1f}, "
          f"first {rounds[0]:.1f} µs per event ({rows} events, "
          f"{sum(len(hit.body) for hit in hits) // rows} bytes of body each)")
    print("   " + ", ".join(f"{step} {spent / 1000 / rows:.2f}" for step, spent in steps.items()))


def new_refinery() -> Refinery:
    """One that takes the times of made traffic."""
    return Refinery(RefineSettings(private_key=b"k" * 32, created_past_seconds=0))


def micros(refinery: Refinery, hits: Sequence[Hit], rounds: int) -> list[float]:
    """CPU µs per event of each of so many calls; the first finds all caches cold."""
    found = []
    for _ in range(rounds):
        gc.collect()
        start = time.process_time_ns()
        refined = refinery.refine(hits)
        found.append((time.process_time_ns() - start) / 1000 / refined.table.num_rows)
    return found


def step_times(refinery: Refinery, hits: list[Hit]) -> dict[str, int]:
    """Nanoseconds of each step of one more call, by name."""
    spent: dict[str, int] = {}

    def timed(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            start = time.process_time_ns()
            answer = step(*args)
            spent[step.__name__] = time.process_time_ns() - start
            return answer
        return run

    inner: Any = refinery
    steps, reader, merger = inner._steps, inner._reader, inner._merger
    inner._steps = tuple(timed(step) for step in steps)
    reader.read, merger.merge = timed(reader.read), timed(merger.merge)
    refinery.refine(hits)
    inner._steps = steps
    return spent


def uuid_like(number: int) -> str:
    """A UUID's text that is the same for the same number."""
    digits = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def event(number: int) -> dict[str, Any]:
    """One event as the example of the original's documentation has it."""
    page = f"https://www.example.com/shop/page{number % 500}.html?utm_source=x&n={number % 7}"
    return {
        "last": "https://www.example.com/cw.html", "url": page,
        "params": {"type": "a", "aff": "Bespoke"},
        "created": RECEIVED // 10**6 - number % 50_000, "duration": 34_752 + number,
        "vid": uuid_like(number % 3000 + 1), "first": "false", "sid": uuid_like(number % 4000 + 9),
        "tz": "America/Los_Angeles", "device": "Linux", "os": "Linux", "sink": "cw$",
        "score": 1, "eid": "cw-a", "uid": "admin",
    }


def hit(number: int, body: bytes, head: bytes = HEAD, shape: Shape = Shape.OBJECT,
        events: int = 1) -> Hit:
    """A hit with ids and addresses that vary as real ones do."""
    number_bytes = (number * 20_000).to_bytes(8, "big")
    identity = number_bytes[4:] + number_bytes[2:4] + b"\x11\xf0" + b"\x80\x01abcdef"
    address = f"10.{number % 7}.{number // 256 % 256}.{number % 256}"
    return Hit(identity, RECEIVED + number * 1000, Route.TR, address, head, body, shape, events)


def dumps(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def clean(rows: int) -> list[Hit]:
    """Single events, all under one head, as a load generator sends them."""
    return [hit(n, dumps(event(n))) for n in range(rows)]


def browsers(rows: int) -> list[Hit]:
    """Single events under the heads of browsers, each with its cookies."""
    hits = []
    for n in range(rows):
        body = dumps(event(n))
        head = BROWSER_HEAD.format(length=len(body), agent=AGENTS[n % 100],
                                   vid=uuid_like(n % 3000 + 1), sid=uuid_like(n % 4000 + 9))
        hits.append(hit(n, body, head.encode()))
    return hits


def arrays(rows: int) -> list[Hit]:
    """Bodies of a hundred events."""
    return [
        hit(n, dumps([event(n * 100 + k) for k in range(100)]), shape=Shape.ARRAY, events=100)
        for n in range(rows // 100)
    ]


def gets(rows: int) -> list[Hit]:
    """Events in path and query."""
    hits = []
    for n in range(rows):
        values = event(n)
        params = values.pop("params")
        path = "".join(f"{key}/{values.pop(key)}/" for key in ("vid", "sid", "first"))
        query = "&".join(f"{key}={quote(str(value), safe='')}"
                         for key, value in {**values, **params}.items())
        hits.append(hit(n, b"", f"GET /tr/v1/tr/{path}?{query} HTTP/1.1\r\n"
                        "Host: tracker.example.com\r\n".encode(), Shape.NONE))
    return hits


def messy(rows: int) -> list[Hit]:
    """Some 240 shapes of keys, values of wrong types, unknown keys, nested params."""
    odd: list[tuple[str, Any]] = [
        ("rel", 1), ("page", "12"), ("score", "6.5"), ("first", True), ("vid", 17),
        ("W", "375"), ("h", 667.0), ("duration", 1.5), ("VID", "abc"), ("lat", "37.2"),
        ("lon", -122), ("tags", ["a", "b"]), ("extra", {"deep": {"n": "7", "list": [1, "2"]}}),
        ("email", "lalala@aaa.com"), ("eid", uuid_like(5)), ("big", 1 << 70), ("cflags", "1024"),
        ("created", "2025-11-24T10:00:00Z"), ("uname", None), ("revenue", "99.99"), ("a.b", 1),
    ]
    hits = []
    for n in range(rows):
        values = event(n)
        for key, value in random.sample(odd, 5):
            values[key] = value
        for key in random.sample(sorted(values), 4):
            del values[key]
        hits.append(hit(n, dumps(values)))
    return hits


def real() -> list[Hit]:
    """The requests of a real log, a third of them as GET."""
    spec = importlib.util.spec_from_file_location("to_hits", LOG / "to_hits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    hits = []
    requests, _ = module.hits(LOG / "access.log.gz")
    for request in requests:
        body = (request["body"] or "").encode()
        head = f"{request['method']} {request['path']} HTTP/1.1\r\nHost: semicomplete.com\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in request["headers"].items())
        hits.append(hit(request["n"], body, head.encode(), Shape.OBJECT if body else Shape.NONE))
    return hits


KINDS: dict[str, Callable[[int], list[Hit]]] = {
    "one head": clean, "heads of browsers": browsers, "arrays of 100": arrays,
    "GET, path and query": gets, "messy": messy,
}
"""Makers of so many events, by name."""

if __name__ == "__main__":
    main()
