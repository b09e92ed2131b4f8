"""Where the store process's time goes: CPU µs per event of each stage, from spool to tables.

    python bench/stages.py [--batch 50000] [--batches 3] [--runs 5] [--log] [--markdown]

Hits of made traffic (or, with --log, of a web server's log) are put into a spool; then the parts
that the store process wires are run on one thread, one after another, each step timed by the CPU
time of the whole process, so that what the engine does in threads of its own counts too. Each run
is a process of its own, and the first full batch of each does not count: it finds caches cold.
`--markdown` puts the medians into docs/performance.md.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # instead of this folder, whose modules are those of the package `bench`

from bench.rig import logtraffic, page, payloads, report
from bench.rig.apart import apart
from tracker.batches import account
from tracker.batches import sequencer as sequencing
from tracker.config.load import load
from tracker.errors import SpoolUnavailable
from tracker.hit import Hit, Route, Shape, encode_hit
from tracker.landing import GC_YOUNG, Landing
from tracker.machine import calm_gc
from tracker.settings import Settings, SpoolSettings
from tracker.spool.reader import SpoolReader
from tracker.spool.writer import Spool

_DIFFERENT = 20_000  # requests, before they come again with other ids
_MARK = "5eed5eed"
_ALL = "all"
_LINES = {
    "spool: read, check CRC": ("spool: read",),
    "spool: hits out of records": ("spool: hits",),
    "refine: decode heads and bodies": ("refine: decode",),
    "refine: lay head, query and body over one another, hash": ("refine: merge",),
    "refine: take known names": ("refine: take",),
    "refine: all other steps": ("refine: ",),
    "gate: repeats, ids on disk": ("gate: ",),
    "account": ("account: ",),
    "seal: write the Arrow file, sync": ("seal: ",),
    "sequencer: all else, mostly to free a batch": ("sequencer: ",),
    "insert: `events` and its derived tables": ("insert: events", "insert: tables"),
    "insert: `accounting`; the courier": ("insert: accounting", "courier: "),
    _ALL: (_ALL,),
}
"""Lines of the published table, by how the stages begin that they hold; the first that fits."""


class Stages:
    """CPU seconds by the name of a stage; what a stage calls that is one too is not its own."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._inner = 0.0

    def timed(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose time counts."""
        def run(*arguments: Any, **named: Any) -> Any:
            outer, self._inner = self._inner, 0.0
            begun = time.process_time()
            try:
                return step(*arguments, **named)
            finally:
                taken = time.process_time() - begun
                self.spent[name] += taken - self._inner
                self._inner = outer + taken
        return run

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        """Time a function where others look it up."""
        setattr(owner, attribute, self.timed(name, getattr(owner, attribute)))


def hits(lines: Iterator[str], events: int) -> Iterator[Hit]:
    """As the intake makes them of the requests in `lines`, each with ids of its own."""
    requests = [line.replace("\\r\\n", "\r\n") for line in lines]
    now = time.time_ns()
    for number in range(events):
        request = requests[number % len(requests)]
        text = request.replace("\t", f"{_MARK}-0000-4000-8000-{number:012x}")
        head, _, body = text.partition("\r\n\r\n")
        ticks = (number * 16).to_bytes(8, "big")
        yield Hit(ticks[4:] + ticks[2:4] + b"\x11\xf0" + b"\x80\x01bench!", now + number * 1000,
                  Route.TR, f"10.0.{number // 7 % 64}.{number % 199}", f"{head}\r\n".encode(),
                  body.encode(), Shape.OBJECT if body else Shape.NONE, 1)


def fill(directory: Path, found: Iterator[Hit]) -> None:
    """A spool with these hits."""
    done = threading.Semaphore(0)

    def deliver(waiters: list[object], error: SpoolUnavailable | None) -> None:
        if error is not None:
            raise error
        done.release(len(waiters))

    spool = Spool(directory, SpoolSettings(), deliver)
    spool.open()
    waiting = 0
    for hit in found:
        spool.append(encode_hit(hit), None)
        waiting += 1
        if waiting >= 1000:
            done.acquire()
            waiting -= 1
    for _ in range(waiting):
        done.acquire()
    spool.close()


def measure(settings: Settings, stages: Stages) -> tuple[int, float]:
    """Land all that is in the spools; gives events and CPU seconds, the first batch left out."""
    landing = Landing(settings)
    engine, (courier,), sequencer = landing.engine, landing.couriers, landing.sequencer
    assert engine is not None
    engine.open()
    store: Any = courier.store
    store.open()
    store._is_sure = True  # as after the first batch
    calm_gc(GC_YOUNG)
    _wrap(stages, landing, store)
    step = stages.timed("sequencer: all else", sequencer.step)
    carry = stages.timed("courier: all else", courier._land)
    load_batch = stages.timed("courier: open the batch file", landing.files.load)
    warm, begun = 0, 0.0
    done = sequencer.flush()
    while not done.done():
        step()
        while (newest := landing.files.newest) and courier.cursor.landed < newest.n:
            carry(load_batch(courier.cursor.landed + 1))
            if not warm:
                warm, begun = newest.accepted, time.process_time()
                stages.spent.clear()
    spent = time.process_time() - begun
    store.close()
    engine.close()
    if warm != settings.batches.rows:
        raise SystemExit(f"the first batch has {warm} events: it is no equal warm-up")
    return sequencer.counts.events - warm, spent


def _wrap(stages: Stages, landing: Landing, store: Any) -> None:
    sequencer: Any = landing.sequencer
    stages.wrap(SpoolReader, "read", "spool: read, check CRC")
    stages.wrap(sequencer.pending, "add", "spool: hits out of records")
    refinery: Any = sequencer._refinery
    stages.wrap(refinery._reader, "read", "refine: decode heads and bodies")
    stages.wrap(refinery._merger, "merge", "refine: merge head, query, body")
    refinery._steps = tuple(stages.timed(f"refine: {step.__name__}", step)
                            for step in refinery._steps)
    stages.wrap(refinery, "refine", "refine: make the table")
    stages.wrap(type(landing.gate), "judge", "gate: look for repeats")
    stages.wrap(type(landing.gate), "write", "gate: write the ids")
    stages.wrap(type(landing.gate), "add", "gate: merge files of ids")
    stages.wrap(account, "_counts", "account: count")
    stages.wrap(account, "_letters", "account: dead letters")
    stages.wrap(account, "_ranges", "account: ranges")
    stages.wrap(sequencing, "account", "account: all else")
    stages.wrap(landing.files, "seal", "seal: write the Arrow file")
    stages.wrap(store, "_insert_events", "insert: events and what follows by views")
    stages.wrap(store, "_insert_derived", "insert: tables of hashes")
    stages.wrap(store, "_insert_account", "insert: accounting")


def run(batch: int, batches: int, directory: Path, *, log: bool) -> dict[str, float]:
    """µs of CPU an event by stage, of so many full batches behind one that does not count."""
    data = Path(tempfile.mkdtemp(prefix="stages-", dir=directory))
    try:
        settings = load(None, {})
        settings = replace(
            settings, data_directory=data, refine=replace(settings.refine, private_key=b"k" * 32),
            batches=replace(settings.batches, rows=batch, rows_behind=batch))
        lines = logtraffic.requests() if log else payloads.traffic(_DIFFERENT)
        (data / "run").mkdir()
        fill(data / "spool" / "w0", hits(lines, batch * (1 + batches)))
        stages = Stages()
        events, spent = measure(settings, stages)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return {**{name: seconds / events * 1e6 for name, seconds in stages.spent.items()},
            _ALL: spent / events * 1e6}


def line_of(stage: str) -> str:
    """The line of the published table that a stage is part of."""
    return next(line for line, begins in _LINES.items() if stage.startswith(begins))


def table(runs: Sequence[dict[str, float]]) -> list[list[str]]:
    """Rows of cells, the first of them the heads: the median of each line, and least and most."""
    lines = {line: [0.0] * len(runs) for line in _LINES}
    for at, found in enumerate(runs):
        for stage, micros in found.items():
            lines[line_of(stage)][at] += micros
    return [["stage", "median", "least to most"],
            *([name, f"{statistics.median(micros):.1f}", f"{min(micros):.1f} to {max(micros):.1f}"]
              for name, micros in lines.items())]


def main() -> None:
    """Measure as the command line says, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=50_000, help="events of a batch")
    parser.add_argument("--batches", type=int, default=3, help="that count, of each run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--log", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    runs = [apart(run, options.batch, options.batches, options.directory, log=options.log)
            for _ in range(options.runs)]
    for name in runs[0]:
        print(f"{statistics.median([found[name] for found in runs]):7.2f}  {name}")
    rows = table(runs)
    print(f"\n{report.plain(rows)}")
    if options.markdown:
        traffic = "a web server's log" if options.log else "made traffic"
        page.put("stages", (
            f"µs of CPU an event: {traffic}, batches of {options.batch:,};"
            f" {options.batches} of them in each of {options.runs} runs, behind one that does"
            f" not count. Measured on {page.origin(options.directory)}.\n\n{page.grid(rows)}"))


if __name__ == "__main__":
    main()
