"""Any course of events on any disk: what was acknowledged is there exactly once, none is invented.

hypothesis chooses what happens: requests, seals, failing calls, ends of processes, power cuts.
`CRASH_EXAMPLES` says how many courses are tried.
"""

import contextlib
import os
import random
import shutil
import tempfile
import uuid
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harness.hands import FAULTS, Hands, Killed
from harness.hits import NOON, record
from harness.pipeline import BAD, WORKERS, Landed, Pipeline
from harness.powercut import Disk
from tracker.errors import SpoolUnavailable, StoreUnavailable, TrackerError

EXAMPLES = int(os.environ.get("CRASH_EXAMPLES", "80"))
STEPS = int(os.environ.get("CRASH_STEPS", "30"))
DAY = 86_400 * 10**9

workers = st.sampled_from(WORKERS)
seeds = st.integers(0, 2**16)
calls = st.integers(1, 40)
events = st.lists(st.sampled_from(["plain", "plain", "known", "known", "repeat", "repeat", BAD]),
                  min_size=1, max_size=4)


class Course(RuleBasedStateMachine):
    """Workers, a store process and a store on one machine whose disk and power may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="course-"))
        self.landed = Landed()
        self.lives = 0
        self.now = NOON
        self.numbers = 0
        self.sent: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.recent: list[str] = []  # keys with ids that the gate still knows
        self.disk = Disk(self.folder / "0")

    @initialize()
    def begin(self) -> None:
        self.start()

    # --- the machine, its processes ---------------------------------------------------------------

    def start(self) -> None:
        disk = self.disk
        self.hands = {name: Hands(disk, _died) for name in WORKERS} | {"store": Hands(disk)}
        self.pipeline = Pipeline(disk.root, disk, self.landed, counts=lambda: not disk.off,
                                 hands=self.hands.__getitem__, clock=self.clock)

    def clock(self) -> int:
        self.now += 1_000_000
        return self.now

    def crash(self, *, power: bool, seed: int, again: int | None = None) -> None:
        """End all, and start; `again`: at which call of the start all end once more."""
        self.pipeline.end()
        self.lives += 1
        self.disk = self.disk.again(self.folder / str(self.lives), power=power,
                                    dice=random.Random(seed))
        if again is not None:
            self.disk.strike(again, power=bool(seed % 2), dice=random.Random(seed))
        self.start()

    def settle(self) -> None:
        """Start again what has ended."""
        if self.disk.off:
            self.crash(power=False, seed=self.lives)
        for name in WORKERS:
            if self.hands[name].dead:
                self.renew_worker(name)
        if self.hands["store"].dead:
            self.renew_store()

    def renew_worker(self, name: str) -> None:
        self.pipeline.end_worker(name)
        self.hands[name] = Hands(self.disk, _died)
        self.pipeline.start_worker(name)

    def renew_store(self, fault: int | str | None = None, at: int = 0) -> None:
        """Start the store process; a start that fails, or is killed, is tried again."""
        self.pipeline.end_store()
        hands = self.hands["store"] = Hands(self.disk)
        if fault == "kill":
            hands.kill(at, random.Random(at))
        elif fault is not None:
            hands.fail(at, fault, random.Random(at))
        try:
            self.pipeline.start_store()
        except (OSError, TrackerError, Killed):
            self.hands["store"] = Hands(self.disk)
            self.pipeline.start_store()

    def in_store(self, *steps: str) -> None:
        """Let the store process do something, unless it dies."""
        try:
            for step in steps:
                getattr(self.pipeline, step)()
        except Killed:
            assert self.hands["store"].dead
        except OSError:
            assert steps[-1] == "tidy"  # said by the sequencer; a second later it comes again
        self.settle()

    def surely(self, *steps: str) -> None:
        """Let the store process do something, again and again until it lives to its end."""
        life = None
        while life != (self.lives, self.hands["store"]):
            life = self.lives, self.hands["store"]
            self.in_store(*steps)

    # --- what happens -----------------------------------------------------------------------------

    def send(self, worker: str, *keys: str, raw: bool = False) -> None:
        """Append one request whose events have these keys."""
        self.numbers += 1
        data = f"no hit {keys[0]}".encode() if raw else record(
            *map(_event, keys), number=self.numbers, received=self.clock())
        answers = self.pipeline.answers[worker]
        before = len(answers.acknowledged)
        expected = len(answers.acknowledged) + len(answers.refused) + 1
        self.sent.update(keys)
        try:
            self.pipeline.spools[worker].append(data, keys, len(keys))
        except SpoolUnavailable:
            pass
        else:
            answers.wait(expected)
        if answers.acknowledged[before:]:
            self.acknowledged.update(keys)
        self.disk.quiet()
        self.settle()

    def new(self, kind: str) -> str:
        self.numbers += 1
        if kind == "repeat" and self.recent:
            return self.recent[self.numbers * 7 % len(self.recent)]
        key = f"{kind}{self.numbers}" + ("" if kind == "plain" else "-id")
        if kind != "plain":
            self.recent.append(key)
        return key

    @rule(worker=workers, kinds=events)
    def request(self, worker: str, kinds: list[str]) -> None:
        self.send(worker, *[self.new(kind) for kind in kinds])

    @rule(worker=workers)
    def request_that_fills_a_segment(self, worker: str) -> None:
        self.send(worker, self.new("large"))

    @rule(worker=workers)
    def record_that_is_no_hit(self, worker: str) -> None:
        self.numbers += 1
        self.send(worker, f"raw{self.numbers}", raw=True)

    @rule()
    def seal(self) -> None:
        self.in_store("seal")

    @rule()
    def land(self) -> None:
        self.in_store("land")

    @rule()
    def tidy(self) -> None:
        self.in_store("tidy")

    @rule()
    def carry(self) -> None:
        self.in_store("seal", "land", "tidy")

    @rule(days=st.sampled_from([-1.0, -0.01, 0.01, 1.0]))
    def step_of_the_clock(self, days: float) -> None:
        if abs(self.now + days * DAY - NOON) < 1.4 * DAY:  # within EidDays, as the docs say
            self.now += int(days * DAY)

    @rule()
    def ids_expire(self) -> None:
        self.surely("seal")  # what lies in a spool is as old as its batch
        self.recent.clear()
        with contextlib.suppress(Killed):
            self.pipeline.gate.expire(self.now + 4 * DAY)
        self.settle()

    @rule(worker=workers)
    def worker_restarts(self, worker: str) -> None:
        self.renew_worker(worker)
        self.settle()

    @rule(fault=st.sampled_from([None, "kill", *FAULTS]), at=st.integers(1, 15))
    def store_process_restarts(self, fault: int | str | None, at: int) -> None:
        self.renew_store(fault, at)
        self.settle()

    # --- what goes wrong --------------------------------------------------------------------------

    @rule(process=st.sampled_from([*WORKERS, "store"]), calls=calls,
          fault=st.sampled_from(FAULTS), seed=seeds)
    def a_call_fails(self, process: str, calls: int, fault: int | str, seed: int) -> None:
        self.hands[process].fail(calls, fault, random.Random(seed))

    @rule(process=st.sampled_from([*WORKERS, "store"]), calls=calls, seed=seeds)
    def a_process_is_killed(self, process: str, calls: int, seed: int) -> None:
        self.hands[process].kill(calls, random.Random(seed))

    @precondition(lambda self: not self.disk.off)
    @rule(calls=calls, power=st.booleans(), seed=seeds)
    def all_end_at_a_call(self, calls: int, power: bool, seed: int) -> None:
        self.disk.strike(calls, power=power, dice=random.Random(seed))

    @precondition(lambda self: not self.disk.off)
    @rule(calls=st.integers(1, 25), end=st.sampled_from(["kill", "kill all", "power", *FAULTS]),
          seed=seeds)
    def carry_until_something_fails(self, calls: int, end: int | str, seed: int) -> None:
        if end == "kill":
            self.hands["store"].kill(calls, random.Random(seed))
        elif end in {"kill all", "power"}:
            self.disk.strike(calls, power=end == "power", dice=random.Random(seed))
        else:
            self.hands["store"].fail(calls, end, random.Random(seed))
        self.in_store("seal", "land", "tidy")

    @rule(power=st.booleans(), seed=seeds, again=st.none() | calls)
    def all_end_now(self, power: bool, seed: int, again: int | None) -> None:
        self.crash(power=power, seed=seed, again=again)
        self.settle()

    @rule(when=st.sampled_from(["before", "after"]), how=st.sampled_from(["error", "kill"]))
    def the_store_fails(self, when: str, how: str) -> None:
        hands = self.hands["store"]
        setattr(self.pipeline.store, when, _no_answer if how == "error" else hands.die)

    # --- what must hold ---------------------------------------------------------------------------

    @rule()
    def check(self) -> None:
        """All that was acknowledged comes out, whatever is armed."""
        self.surely("seal", "land")
        rows, pipeline = self.landed.rows, self.pipeline
        refused = Counter(str(row.row["ename"]) for _, row in pipeline.dead.refusals())
        letters = [letter.record.decode().removeprefix("no hit ")
                   for _, _, letter in pipeline.dead.letters() if letter.reason == "not_a_hit"]
        found = rows + refused + Counter(letters)
        assert {} == {key: n for key, n in found.items() if n != 1}
        assert set() == self.acknowledged.keys() - found.keys()
        assert set() == found.keys() - self.sent.keys()

        totals, position = pipeline.files.totals, pipeline.courier.cursor.position
        assert totals.accepted == totals.rows + totals.duplicates + len(letters)
        assert {"not_a_hit": len(letters)} if letters else {} == totals.quarantined
        assert ({}, 0) == (totals.filtered, totals.conflicts)
        assert self.acknowledged.total() <= totals.accepted <= self.sent.total()
        assert totals.rows == rows.total() + refused.total()
        assert ([], rows.total()) == (position.gaps, position.rows)
        assert pipeline.lost == pipeline.torn

    def teardown(self) -> None:
        try:
            if hasattr(self, "pipeline"):
                self.check()
                self.crash(power=True, seed=0)
                for key in self.recent:  # clients that never learned of their answer
                    self.send("w0", key)
                self.check()
        finally:
            if hasattr(self, "pipeline"):
                self.pipeline.end()
            shutil.rmtree(self.folder)


def _event(key: str) -> dict[str, str]:
    event = {"ename": key, "filler": "x" * 2500 * key.startswith("large")}
    if key.endswith("-id"):
        event["eid"] = str(uuid.uuid5(uuid.NAMESPACE_OID, key))
    return event


def _died() -> OSError:
    return OSError("killed")


def _no_answer() -> None:
    raise StoreUnavailable("no answer")


@pytest.mark.timeout(0)
@pytest.mark.usefixtures("small_bounds")
def test_no_course_of_events_loses_or_doubles_what_was_acknowledged() -> None:
    run_state_machine_as_test(Course, settings=settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, print_blob=True,
        database=None, suppress_health_check=list(HealthCheck)))
