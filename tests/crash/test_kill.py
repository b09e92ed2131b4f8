"""kill -9 at any moment, of any process or of all: each acknowledged event is there once."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import duckdb
import pytest

from harness.attack import check_sums
from harness.load import Client, Sent
from harness.process import TrackerProcess, eventually

CLIENTS = 4
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))


def strike(tracker: TrackerProcess, chance: random.Random) -> str:
    """Kill one process or all; what the supervisor does not start again is started here."""
    supervisor, *children = tracker.processes()
    target = chance.choice(("all", "supervisor", "child", "child", "child"))
    if target == "all" or not children:
        tracker.kill()
        tracker.start(wait=False)
    elif target == "supervisor":
        os.kill(supervisor, signal.SIGKILL)
        assert tracker.child is not None
        tracker.child.wait(10)
        tracker.start(wait=False)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(children), signal.SIGKILL)
    return target


def check(tracker: TrackerProcess, sent: list[Sent], query: str) -> None:
    """Compare what the stores hold with what was acknowledged."""
    acknowledged = set().union(*(one.acknowledged for one in sent))
    unknown = set().union(*(one.unknown for one in sent))
    rows = {str(row["k"]): int(row["n"]) for row in tracker.sql(query)}
    twice = {key: count for key, count in rows.items() if count != 1}
    missing = acknowledged - rows.keys()
    invented = rows.keys() - acknowledged - unknown

    assert ({}, set(), set()) == (twice, missing, invented)


@pytest.mark.server
@pytest.mark.timeout(60 + ROUNDS * 30)
def test_no_acknowledged_event_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"replay with CRASH_SEED={SEED} CRASH_ROUNDS={ROUNDS}")
    tracker = TrackerProcess(tmp_path, Notify=[{"Service": "chdb"}, {"Service": "duckdb"}])
    clients = [Client(tracker.port, chance.randrange(1 << 32)) for _ in range(CLIENTS)]
    try:
        tracker.start()
        for client in clients:
            client.start()
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.2, 4.0))
            strike(tracker, chance)
        tracker.wait_until_ready()
        sent = [client.finish() for client in clients]
        tracker.flush()

        check(tracker, sent, "SELECT params.k::String AS k, count() AS n"
              " FROM sfpla.events GROUP BY k")
        total = tracker.value("SELECT count() FROM sfpla.events")
        check_sums(tracker, total)
        check_duckdb(tracker, total)
    finally:
        for client in clients:
            client.end()
        tracker.kill()
    assert sum(one.repeats for one in sent) > 0
    assert sum(len(one.acknowledged) for one in sent) > 100 * ROUNDS


def check_duckdb(tracker: TrackerProcess, total: int) -> None:
    """The second store landed the same batches; it is read once its process has let go."""
    eventually(lambda: tracker.health()["stores"]["duckdb"]["lag_events"] == 0, 60, "duckdb lag 0")
    assert 0 == tracker.stop()
    with duckdb.connect(str(tracker.data / "duckdb" / "sfpla.duckdb"), read_only=True) as store:
        rows, keys = store.execute(
            "SELECT count(*), count(DISTINCT params->>'k') FROM events").fetchall()[0]
        assert (total, total) == (rows, keys)
