"""A second engine, in a process of its own, reads the tables while they are written."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.batches import make_batch
from tracker.query.runner import GRACE_SECONDS, KILL_SECONDS
from tracker.schema.clickhouse import KEPT_SECONDS
from tracker.settings import QuerySettings
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
from tracker.stores.replica import _TICK_NANOSECONDS, Definition

READER = """
import sys
from pathlib import Path
from tracker.stores import replica as module
from tracker.stores.replica import Replica

source, told, own = map(Path, sys.argv[1:4])
replica = Replica(source, told, own, 1 << 30)
replica.open()
slow = None
looks = 0
look = replica._look


def counted():
    global looks
    looks += 1
    look()


replica._look = counted
for line in sys.stdin:
    sql = line.strip()
    try:
        if sql.startswith("LIMITS "):
            module._REPLACED, module._MOST_REPLACED = map(int, sql.split()[1:])
            replica._patient_until = module._MOST_REPLACED
            module._PATIENCE_SECONDS = 0.5
            print("set", flush=True)
            continue
        if sql.startswith("HOLD "):
            replica.enter()
            slow = replica.reader("readonly=1&max_threads=1&max_block_size=1")
            rows = iter(slow.send_query(sql.removeprefix("HOLD "), "TSVRaw"))
            first = len(next(rows).bytes().split())
            print("held", flush=True)
            continue
        if sql == "CHANGED":
            print(replica.changed(), flush=True)
            continue
        if sql == "LOOKS":
            print(looks, flush=True)
            continue
        if sql == "REST":
            print(first + sum(len((row.bytes() or b"").split()) for row in rows), flush=True)
            slow.close()
            replica.leave()
            continue
        replica.enter()
        session = replica.reader("readonly=1&dynamic_throw_on_type_mismatch=0")
        print((session.query(sql, "TSVRaw").bytes() or b"").decode().replace("\\n", " "),
              flush=True)
        session.close()
        replica.leave()
    except Exception as error:
        print("error", " ".join(str(error).split())[:300], flush=True)
"""

WRITER = """
import sys
from pathlib import Path
from harness.batches import make_batch
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine

folder = Path(sys.argv[1])
store = ChdbStore("chdb", Engine(folder / "chdb"), told=folder / "tables")
store.open()
n = 0
for line in sys.stdin:
    command = line.strip()
    if command == "land":
        n += 1
        store.land(make_batch(folder, n, [
            {"ename": "load", "vid": f"v{n}-{i}", "params": {"go": i}} for i in range(10)]))
        print(n, flush=True)
    elif command.startswith("COUNT "):
        (row,) = store.rows(command.removeprefix("COUNT "))
        print(*row.values(), flush=True)
    else:
        store.execute(command)
        print("done", flush=True)
"""


class Child:
    """A process that answers each line with a line."""

    def __init__(self, script: str, *arguments: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": "tests", "TMPDIR": "/tmp"})

    def ask(self, line: str) -> str:
        """What it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def child(script: str, *arguments: Path) -> Iterator[Child]:
    made = Child(script, *arguments)
    try:
        yield made
    finally:
        end(made)


def end(made: Child) -> None:
    """Kill it."""
    made.process.kill()
    made.process.wait()
    for pipe in (made.process.stdin, made.process.stdout):
        if pipe is not None:
            pipe.close()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Child, Child]]:
    """One that writes, and one that reads what it wrote."""
    with child(WRITER, tmp_path) as writer, \
            child(READER, tmp_path / "chdb", tmp_path / "tables", tmp_path / "own") as reader:
        yield writer, reader


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and time of change."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in folder.rglob("*") if path.is_file()}


def test_what_has_landed_is_read_at_once_in_every_table(both: tuple[Child, Child]) -> None:
    writer, reader = both

    for n in range(1, 4):
        assert str(n) == writer.ask("land")
        assert f"{10 * n}" == reader.ask("SELECT count() FROM sfpla.events FINAL")
        assert f"{n} {10 * n}" == reader.ask(
            "SELECT concat(count(), ' ', sum(landed)) FROM sfpla.accounting")
        assert f"{n}" == reader.ask("SELECT count() FROM sfpla.events WHERE params.go = 6")


def test_rows_that_come_quicker_than_a_file_system_tells_the_time_are_all_read(
    both: tuple[Child, Child],
) -> None:
    writer, reader = both
    writer.ask("SYSTEM STOP MERGES")

    for n in range(1, 41):
        writer.ask("INSERT INTO sfpla.logs (id) SELECT generateUUIDv4()")
        assert f"{n}" == reader.ask("SELECT count() FROM sfpla.logs")


def test_the_disk_is_looked_at_again_only_when_parts_came_or_went(
    both: tuple[Child, Child],
) -> None:
    writer, reader = both
    writer.ask("SYSTEM STOP MERGES")
    writer.ask("land")
    reader.ask("SELECT 1")
    time.sleep(2 * _TICK_NANOSECONDS / 1e9)
    reader.ask("SELECT 1")
    first = int(reader.ask("LOOKS"))

    for _ in range(3):
        assert "10" == reader.ask("SELECT count() FROM sfpla.events")
    assert first == int(reader.ask("LOOKS"))

    writer.ask("land")
    assert "20" == reader.ask("SELECT count() FROM sfpla.events")
    assert first < int(reader.ask("LOOKS"))


def test_a_query_that_runs_outlives_merges_and_new_rows(both: tuple[Child, Child]) -> None:
    writer, reader = both
    writer.ask("land")
    writer.ask("land")
    reader.ask("SELECT 1")

    assert "held" == reader.ask("HOLD SELECT eid FROM sfpla.events")
    assert "done" == writer.ask("OPTIMIZE TABLE sfpla.events FINAL")
    writer.ask("land")

    assert "30" == reader.ask("SELECT count() FROM sfpla.events")
    assert "20" == reader.ask("REST")


REPLACED = "SELECT value FROM system.metrics WHERE metric = 'PartsDeleting'"


def test_parts_that_were_replaced_are_let_go_of(both: tuple[Child, Child]) -> None:
    writer, reader = both
    reader.ask("LIMITS 50 1000")
    most = 0
    for n in range(1, 41):
        writer.ask("land")
        assert f"{10 * n}" == reader.ask("SELECT count() FROM sfpla.events")
        assert f"{10 * n}" == reader.ask("SELECT sum(landed) FROM sfpla.accounting")
        assert f"{10 * n}" == reader.ask("SELECT count() FROM sfpla.people")
        most = max(most, int(reader.ask(REPLACED)))

    assert 0 < most < 100
    assert 2 * most < int(writer.ask("COUNT SELECT count() FROM system.parts WHERE NOT active"))


@pytest.mark.parametrize("most", [1000, 20])
def test_parts_that_were_replaced_stay_while_a_query_reads(
        both: tuple[Child, Child], most: int) -> None:
    writer, reader = both
    writer.ask("land")
    writer.ask("land")
    reader.ask(f"LIMITS 1 {most}")
    assert "held" == reader.ask("HOLD SELECT eid FROM sfpla.events")
    writer.ask("OPTIMIZE TABLE sfpla.events FINAL")
    for n in range(3, 20):
        writer.ask("land")
        assert f"{10 * n}" == reader.ask("SELECT count() FROM sfpla.events")
    assert 0 < int(reader.ask(REPLACED))

    assert "20" == reader.ask("REST")
    writer.ask("land")
    assert "200" == reader.ask("SELECT count() FROM sfpla.events")
    assert "0" == reader.ask(REPLACED)


def test_readers_know_when_a_damaged_part_was_set_aside(
    both: tuple[Child, Child], tmp_path: Path,
) -> None:
    """One that has seen it would go on to look for it."""
    writer, reader = both
    writer.ask("land")
    writer.ask("land")
    writer.ask("OPTIMIZE TABLE sfpla.events FINAL")
    assert "20" == reader.ask("SELECT count() FROM sfpla.events")
    merged = max((tmp_path / "chdb" / "store").rglob("*_1_2_2/data.packed"),
                 key=lambda path: path.stat().st_size)
    end(writer)

    with child(WRITER, tmp_path) as next_writer:
        next_writer.ask("SELECT 1")
        assert "False" == reader.ask("CHANGED")
    os.truncate(merged, merged.stat().st_size // 2)
    with child(WRITER, tmp_path) as next_writer, \
            child(READER, tmp_path / "chdb", tmp_path / "tables", tmp_path / "new") as next_reader:
        next_writer.ask("SELECT 1")
        assert "True" == reader.ask("CHANGED")
        assert "20" == next_reader.ask("SELECT count() FROM sfpla.events FINAL")


def test_readers_change_nothing_of_what_they_read(
    both: tuple[Child, Child], tmp_path: Path,
) -> None:
    writer, reader = both
    writer.ask("land")
    writer.ask("SYSTEM STOP MERGES")
    reader.ask("SELECT 1")
    before = files(tmp_path / "chdb" / "store")

    for _ in range(20):
        reader.ask("SELECT count() FROM sfpla.events")

    assert before == files(tmp_path / "chdb" / "store")


def test_no_table_of_a_reader_can_be_written(both: tuple[Child, Child]) -> None:
    writer, reader = both
    writer.ask("land")
    assert "10" == reader.ask("SELECT count() FROM sfpla.events")

    for sql in ("INSERT INTO sfpla.events (eid) SELECT generateUUIDv4()",
                "TRUNCATE TABLE sfpla.events", "OPTIMIZE TABLE sfpla.events FINAL",
                "ALTER TABLE sfpla.events DELETE WHERE 1"):
        assert reader.ask(sql).startswith("error"), sql
    assert "10" == reader.ask("SELECT count() FROM sfpla.events")


def test_replaced_parts_stay_longer_than_a_query_may_run() -> None:
    assert KEPT_SECONDS > QuerySettings().seconds + GRACE_SECONDS + KILL_SECONDS


def test_tables_of_before_sync_and_keep_parts_too(engine: Engine, tmp_path: Path) -> None:
    store = ChdbStore("chdb", engine, "kept")
    store.open()
    store.execute("ALTER TABLE kept.events RESET SETTING old_parts_lifetime,"
                  " min_rows_to_fsync_after_merge")
    store.execute("ALTER TABLE kept.schema_migrations DELETE WHERE version = 2"
                  " SETTINGS mutations_sync = 1")

    store.open()

    engines = store.rows("SELECT engine_full FROM system.tables WHERE database = 'kept'"
                         " AND name = 'events'")
    for setting in (f"old_parts_lifetime = {KEPT_SECONDS}", "min_rows_to_fsync_after_merge = 1"):
        assert setting in str(engines[0]["engine_full"])
    store.land(make_batch(tmp_path, 1, [{"ename": "x"}]))


def test_a_definition_that_is_not_known_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="is defined in a way"):
        Definition("t", "u", "CREATE TABLE sfpla.t (a Int8) ENGINE = Log", "Log").attach("disk()")
