"""The embedded store where it differs from others: kills, refusals, and what is wrong with it."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.batches import NOON, make_batch
from tracker.errors import BatchRefused, StoreDamaged, StoreUnavailable
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
from tracker.stores.parts import Parts

CHILD = Path(__file__).with_name("landing_child.py")
BATCHES = 3
ROWS = 60

COUNTER = {"kind": "counter", "extra": json.dumps([{"id": "c", "day": "2026-03-01", "total": 3}])}
LATER = {"kind": "counter", "extra": json.dumps([{"id": "c", "day": "2026-04-01", "total": 3}])}

COUNT = """
import json, sys
from pathlib import Path
from harness.batches import read_batch
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
store = ChdbStore("chdb", Engine(Path(sys.argv[1])))
store.open()
for n, path in enumerate(sys.argv[2:], 1):
    store.land(read_batch(Path(path), n))
summed = "hits reqs ips dailies referrers browsers counters".split()
queries = {name: f"SELECT sum(total) AS n FROM sfpla.{name}" for name in summed}
queries |= {name: f"SELECT count() AS n FROM sfpla.{name}"
            for name in ("events", "accounting", "payments", "logs", "agreed",
                         "agreements_store", "jurisdictions_store", "redirects_store",
                         "redirect_history", "mthreads_store", "mstore", "mtriage", "counted",
                         "updates_latest")}
queries |= {name: f"SELECT uniqExact({key}) AS n FROM sfpla.{name}"
            for name, key in (("hosts", "hostname"), ("emails", "ehash"))}
queries["once"] = "SELECT uniqExact(eid) AS n FROM sfpla.events"
print(json.dumps({name: int(store.rows(query)[0]["n"]) for name, query in queries.items()}))
"""


@pytest.fixture
def store(engine: Engine, request: pytest.FixtureRequest) -> Iterator[ChdbStore]:
    """A store in a database of the test's own."""
    made = ChdbStore("chdb", engine, f"t_{abs(hash(request.node.name))}")
    made.open()
    yield made
    made.close()


def test_kills_at_any_moment_leave_every_event_once(tmp_path: Path) -> None:
    chance = random.Random(7)
    for n in range(1, BATCHES + 1):
        make_batch(tmp_path, n, [
            {"vid": f"v{i}", "hhash": "h", "url": "//a/b", "last": "//c/d", "ip": "192.0.2.1",
             "bhash": "b", "first": True, "created_at": NOON - timedelta(days=31 * (i % 4))}
            for i in range(ROWS)] + [COUNTER, LATER] * (ROWS // 2))
    landed, kills = 0, 0
    while landed < BATCHES:
        seconds = chance.uniform(0.02, 0.8) * 1.1 ** kills  # so that a busy machine lands, too
        landed, killed = _run_and_kill(tmp_path, landed + 1, seconds)
        kills += killed

    counted = _run("-c", COUNT, tmp_path / "db")
    once = ("hits", "reqs", "ips", "dailies", "referrers", "browsers", "events", "once", "counted")
    none = dict.fromkeys(("hosts", "emails", "payments", "logs", "agreed",
                          "agreements_store", "jurisdictions_store", "redirects_store",
                          "redirect_history", "mthreads_store", "mstore", "mtriage",
                          "updates_latest"), 0)
    expected = none | dict.fromkeys(once, BATCHES * ROWS)
    expected["counters"] = BATCHES * ROWS * 4  # once per event, by 3 per counter
    assert expected | {"accounting": BATCHES} == json.loads(counted)
    assert kills > 0


def _run_and_kill(directory: Path, first: int, seconds: float) -> tuple[int, bool]:
    """Land from `first` on, killed `seconds` after the start; the last batch acknowledged."""
    with subprocess.Popen([sys.executable, str(CHILD), str(directory), str(first)],
                          stdout=subprocess.PIPE, text=True,
                          env={"PYTHONPATH": str(CHILD.parents[1])}) as child:
        assert child.stdout is not None
        assert "open\n" == child.stdout.readline()
        killer = threading.Timer(seconds, child.kill)
        killer.start()
        said = child.stdout.read().split()
        killer.cancel()
    return max([first - 1, *(int(word) for word in said if word.isdigit())]), child.returncode != 0


LOSE = """
import shutil, sys
from pathlib import Path
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
folder, table = Path(sys.argv[1]), sys.argv[2]
store = ChdbStore("chdb", Engine(folder))
store.open()
parts = store.rows("SELECT path, partition, rows FROM system.parts WHERE active"
                   f" AND database = 'sfpla' AND table = '{table}' ORDER BY partition")
store.close()
lost = [part for part in parts if part["partition"] == parts[0]["partition"]]
for part in lost:
    shutil.rmtree(str(part["path"]))
print(sum(int(part["rows"]) for part in lost))
"""


ITEM = json.dumps([{"id": "o1", "revenue": "1", "updated_at": "2026-03-01 12:00:00.000"}])
AGREEMENT = json.dumps([
    {"updated_at": "2026-03-01 12:00:00.000", "compliances": "{}", "loc": "{}"}])
LAW = json.dumps([{"updated_at": "2026-03-01 12:00:00.000", "regulation": "r", "compliance": "c",
                   "seq": 1, "rules": "{}", "locs": '{"codes":["AT"]}'}])
SAID = json.dumps([{"status": "sent", "mid": "m", "subject": "s"}])
UPDATE = json.dumps([{"id": "u", "msg": "m", "updated_at": "2026-03-01 12:00:00.000"}])
LINE = json.dumps([{"id": "l1", "ldate": "2026-03-01", "msg": "a"}])

LINK = json.dumps([{"key": "a/b", "urlto": "c", "updated_at": "2026-03-01 12:00:00.000"}])

EVERYWHERE = [
    {"vid": f"v{i}", "hhash": "h", "host": "example.com", "url": "//a/b", "ip": "1.1.1.1",
     "last": "//c/d", "bhash": "b", "ehash": f"e{i}", "first": True,
     "created_at": NOON - timedelta(days=31 * (i % 3)),
     **({} if i else {"kind": "payment", "extra": ITEM})} for i in range(12)] + [
    {"kind": "log", "extra": LINE, "oid": f"o{i}"} for i in range(2)] + [
    {"kind": "message", "extra": SAID, "tid": "t", "created_at": NOON - timedelta(days=31 * i)}
    for i in range(2)] + [
    {"kind": "agreement", "extra": AGREEMENT, "vid": f"v{i}"} for i in range(2)] + [
    {"kind": "jurisdiction", "extra": LAW}] + [
    {"kind": "link", "extra": LINK}, COUNTER, COUNTER, LATER,
    {"kind": "update", "extra": UPDATE}]
"""Rows for every derived table, in three partitions."""

Landed = tuple[Path, Any]
"""A folder in which batch 1 has landed, and what each table counts."""


@pytest.fixture(scope="module")
def landed_once(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    folder = tmp_path_factory.mktemp("landed")
    make_batch(folder, 1, EVERYWHERE)
    return folder, _land_and_count(folder)


def _land_and_count(folder: Path) -> Any:
    said = _run("-c", COUNT, folder / "db", *folder.glob("*.arrow"))
    return json.loads(said.splitlines()[-1])  # behind what is logged


@pytest.fixture
def landed(landed_once: Landed, tmp_path: Path) -> Landed:
    folder, whole = landed_once
    return shutil.copytree(folder, tmp_path / "landed", symlinks=True), whole


@pytest.mark.parametrize("table", ["events", "hits", "dailies", "counters", "hosts", "emails",
                                   "payments", "logs", "agreed", "agreements_store",
                                   "jurisdictions_store", "redirect_history", "mthreads_store",
                                   "mstore", "mtriage", "counted", "updates", "accounting"])
def test_a_part_whose_token_outlived_it_is_put_back(landed: Landed, table: str) -> None:
    """What a kill leaves that comes between the token of a part and the part."""
    folder, whole = landed
    assert 0 < int(_run("-c", LOSE, folder / "db", table))

    assert whole == _land_and_count(folder)


@pytest.mark.parametrize("both", [False, True])
def test_lost_counts_of_services_are_put_back_beside_those_that_landed_before(
    store: ChdbStore, tmp_path: Path, both: bool,
) -> None:
    """The sums are those of all messages, whether they were lost with them or not."""
    first, second = (make_batch(tmp_path, n, [COUNTER, LATER, LATER]) for n in (1, 2))
    sums = ("SELECT id, toString(date) AS day, sum(total) AS n"
            f" FROM {store.database}.counters GROUP BY id, date ORDER BY date")
    for batch in (first, second):
        store.land(batch)
    whole = store.rows(sums)

    store.rows(f"ALTER TABLE {store.database}.counted DELETE WHERE batch = 2"
               " SETTINGS mutations_sync = 2")
    if both:
        store.rows(f"ALTER TABLE {store.database}.counters DELETE WHERE true"
                   " SETTINGS mutations_sync = 2")
        store.rows(f"INSERT INTO {store.database}.counters (id, date, total)"
                   f" SELECT id, day, total FROM {store.database}.counted")
    store.close()
    store.open()
    store.land(second)
    store.land(second)

    assert whole == store.rows(sums)
    assert ["6", "12"] == [str(row["n"]) for row in whole]
    assert "6" == str(store.rows(f"SELECT count() AS n FROM {store.database}.counted")[0]["n"])


FORGET = """
import sys
from pathlib import Path
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
folder, tables = Path(sys.argv[1]), sys.argv[2].split(",")
store = ChdbStore("chdb", Engine(folder))
store.open()
found = store.rows("SELECT name, data_paths[1] AS path FROM system.tables"
                   " WHERE database = 'sfpla'")
store.close()
for row in found:
    if row["name"] in tables:
        for log in Path(str(row["path"]), "deduplication_logs").iterdir():
            log.write_bytes(b"")
"""


@pytest.mark.parametrize("tables", ["events,accounting", "hits,emails", "payments,logs",
                                    "agreed,agreements_store,jurisdictions_store",
                                    "redirects_store,redirect_history",
                                    "mthreads_store,mstore,mtriage", "counted,updates",
                                    "counters,counted", "counters"])
def test_a_token_that_a_power_cut_took_doubles_nothing(landed: Landed, tables: str) -> None:
    """The engine syncs parts, but not the file with their tokens."""
    folder, whole = landed
    _run("-c", FORGET, folder / "db", tables)

    assert whole == _land_and_count(folder)


@pytest.mark.parametrize("bytes_left", [0, 5, 100, -1])
def test_a_part_that_a_full_disk_left_without_its_bytes_is_found(
    store: ChdbStore, tmp_path: Path, bytes_left: int,
) -> None:
    """The engine says nothing when it cannot write, and puts what there is in place."""
    store.land(make_batch(tmp_path, 1, EVERYWHERE))
    store.rows(f"OPTIMIZE TABLE {store.database}.hosts FINAL")
    (part,) = store.rows("SELECT path FROM system.parts WHERE active AND table = 'hosts'"
                         f" AND database = '{store.database}'")
    data = Path(str(part["path"]), "data.packed")
    os.truncate(data, bytes_left % data.stat().st_size)

    with pytest.raises(StoreDamaged, match="hosts"):
        store.check()


@pytest.mark.parametrize("name", ["data.bin", "columns.txt"])
def test_so_is_one_of_whose_files_one_lacks_bytes(engine: Engine, name: str) -> None:
    store = ChdbStore("chdb", engine, f"lacks_{name[:4]}")
    store.open()
    (part,) = store.rows("SELECT path FROM system.parts WHERE active AND level = 0 AND database ="
                         f" '{store.database}' AND table = 'schema_migrations' LIMIT 1")
    file = Path(str(part["path"]), name)
    os.truncate(file, file.stat().st_size - 1 if name == "data.bin" else 0)

    with pytest.raises(StoreDamaged, match="schema_migrations"):
        store.check()


def test_a_part_is_whole_however_long_the_names_of_its_files_are(
    engine: Engine, tmp_path: Path,
) -> None:
    """They hold keys that clients have chosen, and the types of their values."""
    store = ChdbStore("chdb", engine, "long_names")
    store.open()
    store.rows("ALTER TABLE long_names.events MODIFY SETTING min_bytes_for_wide_part = 0")
    params = json.dumps({"payments": [{"amt": 1.5, "id": "a"}], "k" * 200: 1})
    for n in (1, 2, 3):
        store.land(make_batch(tmp_path, n, [{"vid": "v", "params": params}]))
        store.rows("OPTIMIZE TABLE long_names.events FINAL")
    store.check()

    parts = Parts(store.rows, "long_names")
    listed = [part for part in parts._listed("") if part.table == "events"]
    assert [False] == [part.is_short for part in listed]
    assert [listed[0].path / "data.packed"] == [*listed[0].path.iterdir()]
    os.truncate(listed[0].path / "data.packed", (listed[0].path / "data.packed").stat().st_size - 1)
    assert listed[0].is_short


CUT = """
import os, sys
from pathlib import Path
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
engine = Engine(Path(sys.argv[1]))
store = ChdbStore("chdb", engine)
store.open()
store.rows("OPTIMIZE TABLE sfpla.events FINAL")
parts = store.rows("SELECT path FROM system.parts WHERE active AND table = 'events'")
store.close()
engine.close()
for part in parts:
    data = Path(str(part["path"]), "data.packed")
    os.truncate(data, data.stat().st_size * 2 // 3)
"""


def test_a_merged_part_that_a_full_disk_cut_off_gives_way_to_those_it_was_made_of(
    tmp_path: Path,
) -> None:
    """The engine opens it, as its end alone is missing, and would delete the others."""
    for n in (1, 2):
        make_batch(tmp_path, n, EVERYWHERE)
    _run(CHILD, tmp_path, "1")
    whole = json.loads(_run("-c", COUNT, tmp_path / "db"))

    _run("-c", CUT, tmp_path / "db")

    said = _run("-c", COUNT, tmp_path / "db").splitlines()
    assert whole == json.loads(said[-1])
    assert 3 == sum("is set aside" in line and "table=events" in line for line in said)
    assert 3 == len([*(tmp_path / "db").rglob("detached/broken_*")])


class CutOff(ChdbStore):
    """A store whose disk is full for a moment: an insert is cut off, and nothing says so."""

    table = ""

    def rows(self, query: str) -> list[dict[str, object]]:
        found = super().rows(query)
        if self.table and query.startswith(f"INSERT INTO {self.database}.{self.table} "):
            parts = super().rows("SELECT path FROM system.parts WHERE active"
                                 f" AND database = '{self.database}' AND table = '{self.table}'"
                                 " ORDER BY min_block_number DESC LIMIT 1")
            data = Path(str(parts[0]["path"]), "data.packed")
            os.truncate(data, data.stat().st_size - 1)
            self.table = ""
        return found


@pytest.mark.parametrize("sure", [True, False])
@pytest.mark.parametrize("table", ["events", "emails", "payments", "accounting"])
def test_a_batch_of_which_a_part_was_cut_off_has_not_landed(
    engine: Engine, tmp_path: Path, table: str, sure: bool,
) -> None:
    """It must come again, as soon as the engine has set that part aside."""
    store = CutOff("chdb", engine, f"cut_{table}_{sure}")
    store.open()
    if sure:
        store.land(make_batch(tmp_path, 1, EVERYWHERE))
    store.table = table

    with pytest.raises(StoreDamaged, match=f"fewer bytes.* of {table}|Cannot read"):
        store.land(make_batch(tmp_path, 2, EVERYWHERE))


def test_what_is_inserted_is_compressed_quickly_and_what_is_merged_well(store: ChdbStore) -> None:
    """So landing costs no more, and the disk holds little."""
    events = f"{store.database}.events"
    of_events = f"WHERE active AND database = '{store.database}' AND table = 'events'"
    for first in (0, 100_000):
        store.rows(f"INSERT INTO {events} (oid, created_at, eid, vid, sid) SELECT 'o',"
                   " toDateTime64('2026-03-01 12:00:00', 3, 'UTC'), generateUUIDv4(),"
                   " toString(generateUUIDv4()), toString(generateUUIDv4())"
                   f" FROM numbers({first}, 100000)")
    inserted = store.rows("SELECT any(default_compression_codec) AS codec, sum(bytes_on_disk) AS"
                          f" size FROM system.parts {of_events}")
    store.rows(f"OPTIMIZE TABLE {events} FINAL")
    merged = store.rows("SELECT default_compression_codec AS codec, bytes_on_disk AS size"
                        f" FROM system.parts {of_events}")

    assert "LZ4" == inserted[0]["codec"]
    assert ["ZSTD(3)"] == [part["codec"] for part in merged]
    assert int(str(merged[0]["size"])) < int(str(inserted[0]["size"])) * 0.75


MERGE = """
import sys
from pathlib import Path
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
engine = Engine(Path(sys.argv[1]))
store = ChdbStore("chdb", engine)
store.open()
for table in ("events", "hits", "dailies", "hosts", "accounting"):
    store.rows(f"OPTIMIZE TABLE sfpla.{table} FINAL")
store.close()
engine.close()
"""


def test_what_a_merge_makes_is_synced_before_it_takes_its_place(tmp_path: Path) -> None:
    """What was merged may be deleted from then on: at the next start, without waiting."""
    if shutil.which("strace") is None:
        assert not os.environ.get("CI"), "strace is missing; apt-get install strace"
        pytest.skip("needs strace")
    for n in (1, 2):
        make_batch(tmp_path, n, EVERYWHERE)
    _run(CHILD, tmp_path, "1")
    trace = tmp_path / "trace"
    subprocess.run(["strace", "-f", "-y", "-qq", "-o", trace, "-e", "trace=rename,fdatasync,fsync",
                    sys.executable, "-c", MERGE, tmp_path / "db"], check=True, timeout=60)
    calls = trace.read_text().splitlines()

    merged = [(at, name[1]) for at, call in enumerate(calls)
              if (name := re.search(r'rename\("([^"]*/tmp_merge_[^"]*)/"', call))]
    assert len(merged) >= 5
    unsynced = [name for at, name in merged
                if not any("sync(" in call and f"{name}/data" in call for call in calls[:at])]
    assert [] == unsynced


def _run(*words: object) -> str:
    """Run Python in a process of its own; gives back what it printed."""
    return subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True,
                          text=True, timeout=60,
                          env={"PYTHONPATH": str(CHILD.parents[1])}).stdout


@pytest.mark.parametrize("row", [{"eid": "nonsense"}, {"params": "[1]"}, {"params": "{"}])
def test_a_row_that_will_never_do_refuses_the_whole_batch(
    store: ChdbStore, tmp_path: Path, row: dict[str, str],
) -> None:
    with pytest.raises(BatchRefused, match="Code: "):
        store.land(make_batch(tmp_path, 1, [{"ename": "good"}, row]))

    assert [] == store.rows(f"SELECT 1 AS one FROM {store.database}.events")


def test_a_batch_whose_file_is_gone_is_tried_again_later(
    store: ChdbStore, tmp_path: Path,
) -> None:
    batch = make_batch(tmp_path, 1, [{"ename": "a"}])
    batch.path.unlink()

    with pytest.raises(StoreUnavailable, match="FILE_DOESNT_EXIST"):
        store.land(batch)


def test_a_file_from_before_a_column_was_added_lands(store: ChdbStore, tmp_path: Path) -> None:
    store.land(make_batch(tmp_path, 1, [{"ename": "a"}], without=("xid", "uhash")))

    assert [{"ename": "a", "xid": ""}] == store.rows(
        f"SELECT ename, xid FROM {store.database}.events")


def test_text_in_params_is_never_taken_for_a_time(store: ChdbStore, tmp_path: Path) -> None:
    sent = '{"at":"2024-01-01T00:00:00Z","on":"2024-01-01"}'
    store.land(make_batch(tmp_path, 1, [{"vid": "v", "params": sent}]))

    found = store.rows(f"SELECT params.at, params.on FROM {store.database}.events")
    assert [{"params.at": "2024-01-01T00:00:00Z", "params.on": "2024-01-01"}] == found


def test_a_second_path_in_one_process_is_refused(engine: Engine, tmp_path: Path) -> None:
    engine.open()

    with pytest.raises(StoreUnavailable, match="does not open"):
        Engine(tmp_path / "other").open()


def test_readers_cannot_write(store: ChdbStore, engine: Engine) -> None:
    reader = engine.reader("readonly=1")
    with pytest.raises(RuntimeError, match="READONLY"):
        reader.query(f"INSERT INTO {store.database}.events (ename) VALUES ('x')")
    reader.close()


def test_a_closed_store_says_so_and_opens_again(store: ChdbStore) -> None:
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.rows("SELECT 1")
    store.open()

    assert [{"one": 1}] == store.rows("SELECT 1 AS one")
