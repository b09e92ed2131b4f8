"""Spools, sequencer, batch files, gate and couriers on one disk, run step by step in one thread."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from harness.hits import record
from harness.powercut import Disk
from harness.spools import Answers, make_spool
from tracker.batch import Batch, Manifest
from tracker.batches.deadletters import DeadLetters
from tracker.batches.files import BatchFiles
from tracker.batches.gate import EidGate
from tracker.batches.identity import identity
from tracker.batches.sequencer import Sequencer
from tracker.delivery.courier import Courier
from tracker.delivery.cursor import Cursor
from tracker.delivery.retention import Retention
from tracker.durable import Files
from tracker.errors import BatchRefused, SpoolUnavailable
from tracker.refine.refinery import Refinery
from tracker.settings import BatchSettings, RefineSettings, SpoolSettings
from tracker.spool.writer import Spool

REFINERY = Refinery(RefineSettings(private_key=b"k", created_past_seconds=0))
WORKERS = ("w0", "w1")
MAKER = "spool-maker"
BAD = "bad"


class Landed:
    """What a store on another machine holds: it outlives every crash here."""

    def __init__(self) -> None:
        self.batches: dict[tuple[str, int], list[tuple[int, int]]] = {}
        self.rows: Counter[str] = Counter()
        self._seen: dict[tuple[str, int, tuple[int, int]], list[str]] = {}

    def land(self, batch: Batch) -> None:
        """Take the rows of a batch, or of a part of one, unless they are in."""
        span = batch.span or (0, batch.manifest.rows)
        names = batch.table["ename"].to_pylist()
        known = self._seen.setdefault((batch.manifest.sequencer, batch.n, span), names)
        assert known == names, f"batch {batch.n} came again with other rows"
        spans = self.batches.setdefault((batch.manifest.sequencer, batch.n), [])
        if span not in spans:
            spans.append(span)
            self.rows.update(names)


class ModelStore:
    """Lands in `landed`; `counts` says whether the machine still runs.

    `before` and `after` are called once each, around the commit, and may raise what they like.
    Rows by the name of `BAD` it never takes.
    """

    name = "model"

    def __init__(self, landed: Landed, counts: Callable[[], bool]) -> None:
        self._landed = landed
        self._counts = counts
        self.before: Callable[[], object] | None = None
        self.after: Callable[[], object] | None = None

    def open(self) -> None:
        pass

    def land(self, batch: Batch) -> None:
        before, self.before = self.before, None
        if before is not None:
            before()
        if any(name.startswith(BAD) for name in batch.table["ename"].to_pylist()):
            raise BatchRefused("a bad row")
        if self._counts():
            self._landed.land(batch)
        after, self.after = self.after, None
        if after is not None:
            after()

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass


class Until(threading.Event):
    """A courier's `stop` that is set when `done` says so, so that no thread is needed."""

    def __init__(self, done: Callable[[], bool]) -> None:
        super().__init__()
        self._done = done

    def is_set(self) -> bool:
        return self._done()

    def wait(self, timeout: float | None = None) -> bool:
        return self._done()


class Pipeline:
    """One life of a tracker's data directory, from its start to its end or to a crash.

    `hands` gives each process, a worker by its name or "store", its calls to the disk.
    """

    def __init__(self, root: Path, disk: Files, landed: Landed, *,
                 counts: Callable[[], bool] = lambda: True,
                 hands: Callable[[str], Files] | None = None,
                 clock: Callable[[], int] = time.time_ns) -> None:
        self.root = root
        self.counts = counts
        self.landed = landed
        self.clock = clock
        self.hands = hands or (lambda _: disk)
        self.answers: dict[str, Answers] = {}
        self.spools: dict[str, Spool] = {}
        if isinstance(disk, Disk):
            disk.quiet = self._wait_for_makers
        self.start_store()
        for name in WORKERS:
            try:
                self.start_worker(name)
            except SpoolUnavailable:  # the supervisor starts the worker again
                self.start_worker(name)

    def start_store(self) -> None:
        """Read what is on disk, as the store process does at its start."""
        root, disk = self.root, self.hands("store")
        who = identity(root / "batches", disk)
        self.files = BatchFiles(root / "batches", disk)
        self.files.open()
        newest = self.files.newest.n if self.files.newest else 0
        self.dead = DeadLetters(root / "dead", disk)
        self.dead.open(newest)
        self.gate = EidGate(root / "batches", who.gate_keys, 3.0, 1_000_000, disk)
        self.gate.open(newest)
        settings = BatchSettings(linger_seconds=0.0, rows=8, rows_behind=8)
        self.sealed: list[Manifest] = []
        self.disk_errors: list[OSError] = []
        self.sequencer = Sequencer(
            who.sequencer, root / "spool", self.files, self.gate, self.dead, REFINERY, settings,
            dict, on_sealed=self.sealed.append, on_disk_error=self.disk_errors.append, disk=disk,
            clock=self.clock)
        self.store = ModelStore(self.landed, self.counts)
        self.courier = Courier(
            self.store, self.files,
            Cursor(root / "cursors" / "model.json", who.sequencer,
                   min(self.files.kept(), default=newest + 1), disk), self.dead)
        self.retention = Retention(self.files, (self.courier,), frozenset({"model"}),
                                   SpoolSettings(), root / "spool")

    def start_worker(self, name: str) -> None:
        """Open the spool of a worker."""
        self.answers[name] = Answers(self.counts)
        self.spools[name] = make_spool(self.root / "spool" / name, self.answers[name],
                                       segment_bytes=4096, files=self.hands(name))
        self.spools[name].open()

    def end_store(self) -> None:
        """Let go of what the store process reads."""
        for reader in self.sequencer.readers:
            reader.close()

    def end_worker(self, name: str) -> None:
        """Close the spool of a worker, if it could be opened."""
        spool = self.spools.pop(name)
        if hasattr(spool, "_thread"):  # tells it outside
            spool.close()

    def _wait_for_makers(self) -> None:
        """Let the threads that make segments go first; what then happens is always the same."""
        while threading.current_thread().name != MAKER and any(
                spool._maker._thread.is_alive() and not spool._maker.is_ready  # tells it outside
                for name, spool in list(self.spools.items())
                if hasattr(spool, "_maker") and not getattr(self.hands(name), "dead", False)):
            time.sleep(0)

    def send(self, worker: str, keys: list[tuple[str, str | None]], first: int) -> list[str]:
        """Append a hit for each (key, eid), numbered from `first`; the keys acknowledged."""
        answers = self.answers[worker]
        before = len(answers.acknowledged)
        expected = len(answers.acknowledged) + len(answers.refused)
        for number, (key, eid) in enumerate(keys, first):
            one = {"ename": key} if eid is None else {"ename": key, "eid": eid}
            try:
                self.spools[worker].append(record(one, number=number), key)
            except SpoolUnavailable:
                continue
            expected += 1
        answers.wait(expected)
        return [str(key) for key in answers.acknowledged[before:]]

    def seal(self) -> None:
        """Seal all that is synced."""
        done = self.sequencer.flush()
        for _ in range(1000):
            self.sequencer.step()
            if done.done():
                return
        raise AssertionError(f"the sequencer is stuck: {self.sequencer.last_error}")

    def land(self) -> None:
        """Carry all that is sealed."""
        newest = self.files.newest.n if self.files.newest else 0
        self.courier.run(Until(lambda: self.courier.cursor.landed >= newest))

    def tidy(self) -> None:
        """Delete what every store has, and fold old manifests."""
        self.retention.tidy(0)

    def end(self) -> None:
        """Let go of everything, as the end of the processes does."""
        for name in list(self.spools):
            self.end_worker(name)
        self.end_store()

    @property
    def lost(self) -> int:
        """Records that this life said were lost to damage, torn ones too."""
        return sum(reader.corrupt + reader.torn for reader in self.sequencer.readers)

    @property
    def torn(self) -> int:
        """Those of them that lay in a group which a crash may have left unfinished."""
        return sum(reader.torn for reader in self.sequencer.readers)

