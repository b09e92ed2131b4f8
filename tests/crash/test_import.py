"""kill -9 of imports and of the tracker at random moments: each line is an event, once."""

import contextlib
import random
import time
from pathlib import Path

import pytest

from crash.test_kill import ROUNDS, SEED, strike
from harness.importing import run_import, start_import
from harness.process import TrackerProcess, eventually

LINES = 20_000


def line(number: int) -> str:
    """A line of a log; every tenth is garbage."""
    if number % 10 == 0:
        return f"garbage {number}\n"
    return (f'192.0.2.{number % 250} - - [17/May/2015:{number // 3600 % 24:02}:'
            f'{number // 60 % 60:02}:{number % 60:02} +0000] "GET /page/{number} HTTP/1.1" 200'
            f' {number} "-" "Agent {number % 7}"\n')


@pytest.mark.server
@pytest.mark.timeout(120 + ROUNDS * 30)
def test_no_line_is_lost_or_doubled_by_kill_9_of_import_and_tracker(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"replay with CRASH_SEED={SEED} CRASH_ROUNDS={ROUNDS}")
    tracker = TrackerProcess(tmp_path, Notify=[{"Service": "chdb"}, {"Service": "duckdb"}])
    log = tmp_path / "access.log"
    count = killed = 0
    try:
        tracker.start()
        for _ in range(ROUNDS):
            more = chance.randrange(1, LINES)
            with log.open("a") as file:
                file.writelines(map(line, range(count + 1, count + more + 1)))
            count += more
            child = start_import(tracker, "--host", "shop.example", str(log))
            time.sleep(chance.uniform(0.3, 1.5))
            child.kill()
            child.communicate()
            killed += child.returncode < 0
            if chance.random() < 0.5:
                strike(tracker, chance)
        tracker.wait_until_ready()
        run_import(tracker, "--host", "shop.example", str(log))
        run_import(tracker, "--host", "shop.example", str(log))
        tracker.flush()

        expected = count - count // 10
        assert expected == tracker.value("SELECT count() FROM sfpla.events")
        assert expected == tracker.value("SELECT uniqExact(params.line) FROM sfpla.events")
        assert expected == tracker.value("SELECT uniqExact(path(url)) FROM sfpla.events")
        assert expected == tracker.value("SELECT uniqExact(eid) FROM sfpla.events")
        assert 0 == tracker.value("SELECT sum(filtered) + sum(quarantined) FROM sfpla.accounting")
        eventually(lambda: tracker.health()["stores"]["duckdb"]["lag_events"] == 0, 60, "lag 0")
        assert expected == tracker.sql_of("duckdb", "SELECT count(DISTINCT url) AS n FROM events"
                                          )[0]["n"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            tracker.kill()
    assert killed > 0
