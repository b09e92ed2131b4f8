"""What looking up addresses costs, with made data as large as IP2Location LITE DB11.

    python bench/geoip.py [share]       share of the full size, 1 by default

Prints how long reading the CSV takes and in how much memory, the size of what is made of it, and
lookups per second of CPU. `bench/run.py geoip` takes `make_form` and `lookups` of it.
"""

import random
import resource
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tracker.durable import Files
from tracker.geoip.addresses import packed
from tracker.geoip.build import Order, build_apart
from tracker.geoip.form import PLACE, UNKNOWN, Form, write
from tracker.geoip.lookup import Lookup
from tracker.settings import GeoFile

V4_RANGES = 3_000_000
V6_RANGES = 4_500_000
PLACES = 400_000
BATCH = 10_000
ROUNDS = 30
V6_SPACE = 0x2000 << 112


def main() -> None:
    """Make the data, convert them, look addresses up."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    random.seed(7)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = _places(max(int(PLACES * share), 10))
        files = []
        for version, ranges in ((4, V4_RANGES), (6, V6_RANGES)):
            path = folder / f"v{version}.zip"
            _make(path, places, _starts(version, int(ranges * share)))
            files.append(GeoFile(path, v6=version == 6))
        target = folder / "all.places"
        _convert(Order(files, target))
        _look(target)


def _places(count: int) -> list[str]:
    """The ends of so many different rows."""
    return [
        f'"{chr(65 + n % 26)}{chr(65 + n // 26 % 26)}","Country {n % 250}","Region {n % 4000}",'
        f'"City {n % 90_000}","{n % 170 - 85}.{n % 1_000_000:06}","{n % 350 - 175}.{n:06}",'
        f'"{n % 300_000:05}","+{n % 12:02}:00"' for n in range(count)]


def _starts(version: int, count: int) -> Iterator[int]:
    space, base = ((1 << 32) // count, 0) if version == 4 else ((1 << 125) // count, V6_SPACE)
    return (base + n * space + (random.randrange(space) if n else 0) for n in range(count))


def _make(path: Path, places: list[str], starts: Iterator[int]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, \
            archive.open("made.csv", "w", force_zip64=True) as member:
        lines, before = [], next(starts)
        for start in starts:
            lines.append(f'"{before}","{start - 1}",{random.choice(places)}\r\n')
            before = start
            if len(lines) == 10_000:
                member.write("".join(lines).encode())
                lines.clear()
        member.write("".join(lines).encode())


def _convert(order: Order) -> None:
    began = time.monotonic()

    outcome = build_apart(order, threading.Event())
    assert outcome is not None
    assert outcome.error is None, outcome.error
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"read {outcome.ranges:,} ranges in {time.monotonic() - began:.0f} s,"
          f" {used.ru_utime + used.ru_stime:.0f} s of CPU, {used.ru_maxrss >> 10} MiB at most;"
          f" made {order.target.stat().st_size / 1e6:.0f} MB")


def make_form(path: Path, share: float = 1.0) -> int:
    """Write what the CSV would become without reading one; gives how many ranges it has."""
    dice, rows = np.random.default_rng(7), max(int(PLACES * share), 2)
    ranges = {"v4": max(int(V4_RANGES * share), 1), "v6": max(int(V6_RANGES * share), 1)}
    v4 = np.unique(dice.integers(0, 1 << 32, ranges["v4"], np.uint32))
    v6 = np.zeros((ranges["v6"], 2), ">u8")
    v6[:, 0] = np.sort(dice.integers(0x2000 << 48, 0x4000 << 48, ranges["v6"], np.uint64))
    texts = [b"", *(b"Region %d" % number for number in range(rows - 1))]
    write(Files(), path, {
        "v4": v4.astype("<u4").tobytes(), "v6": v6.tobytes(),
        "v4_places": dice.integers(1, rows, len(v4), np.uint32).astype("<u4").tobytes(),
        "v6_places": dice.integers(1, rows, len(v6), np.uint32).astype("<u4").tobytes(),
        "places": b"".join(PLACE.pack(0, number, 0, 0, 0, 0, UNKNOWN, UNKNOWN)
                           for number in range(rows)),
        "offsets": np.cumsum([0, *map(len, texts)]).astype("<u4").tobytes(),
        "texts": b"".join(texts)})
    return len(v4) + len(v6)


def lookups(path: Path, rounds: int) -> dict[str, list[float]]:
    """Lookups/s of a core in a file of places, of each way to ask."""
    form = Form(path)
    lookup = Lookup(form)
    asked: dict[str, Callable[[], list[str]]] = {
        "IPv4": lambda: [f"{n % 223 + 1}.{random.randrange(256)}.{random.randrange(256)}.{n % 256}"
                         for n in range(BATCH)],
        "IPv6": lambda: [f"{random.randrange(0x2000, 0x4000):x}:{random.randrange(1 << 16):x}"
                         f"::{n % 65536:x}" for n in range(BATCH)]}
    found = {f"{name}, {BATCH:,} at once": [_rate(lookup.find, make()) for _ in range(rounds)]
             for name, make in asked.items()}
    found["IPv4, one by one, as a worker asks"] = [
        _rate(lambda each: [form.range_of(packed(address)) for address in each], asked["IPv4"]())
        for _ in range(rounds)]
    return found


def _rate(find: Callable[[list[str]], object], addresses: list[str]) -> float:
    began = time.process_time()
    find(addresses)
    return len(addresses) / (time.process_time() - began)


def _look(path: Path) -> None:
    for name, rates in lookups(path, ROUNDS).items():
        print(f"{name}: {statistics.median(rates):,.0f} lookups/s of a core")
    print(f"memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB"
          " at most, mapped pages and made addresses in it")


if __name__ == "__main__":
    main()
