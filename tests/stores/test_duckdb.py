import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest

from tracker.batch import Batch, Manifest
from tracker.errors import BatchRefused, QueryRefused, StoreUnavailable
from tracker.schema import duckdb as dialect
from tracker.schema.arrow import batch_schema
from tracker.schema.tables import DERIVED, VIEWS
from tracker.settings import StoreSettings
from tracker.stores.duckdb import DuckStore
from tracker.stores.duckfence import TABLE_FUNCTIONS, reading, table_functions

duckdb = pytest.importorskip("duckdb", reason="the extra duckdb is not installed")

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NANOSECONDS = int(NOON.timestamp()) * 10**9

Row = Mapping[str, object]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    made = DuckStore(StoreSettings("duckdb", "duckdb"), tmp_path / "duckdb")
    made.open()
    yield made
    made.close()


def batch(n: int, rows: Sequence[Row], sequencer: str = "s") -> Batch:
    manifest = Manifest(
        sequencer, n, NANOSECONDS, {}, len(rows), len(rows) + 3, len(rows), 1, 0, {"bot": 2},
        {"no_json": 0}, NANOSECONDS, NANOSECONDS, 0, {})
    return Batch(manifest, Path("batch.arrow"), table(n, rows))


def table(n: int, rows: Sequence[Row]) -> pa.Table:
    """Rows with the columns given, all others empty."""
    full = [{field.name: empty(field) for field in batch_schema()}
            | {"eid": str(UUID(int=n << 64 | at)), "created_at": NOON, "received_at": NOON,
               "params": "{}", "targets": "{}"} | dict(row)
            for at, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema=batch_schema())


def empty(field: pa.Field) -> object:
    if field.nullable:
        return None
    if pa.types.is_boolean(field.type):
        return False
    return 0 if pa.types.is_integer(field.type) else ""


def rows(store: DuckStore, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in store.query(sql, {}, 10, 1 << 20).to_pylist()]


def test_a_batch_that_comes_again_leaves_each_row_once(store: DuckStore, tmp_path: Path) -> None:
    sent = batch(1, [{"vid": "a", "ehash": "h"}, {"vid": "b", "ehash": "h"}])

    store.land(sent)
    store.land(sent)
    store.close()
    store.open()
    store.land(sent)

    assert [(2,)] == rows(store, "SELECT count(*) FROM events")
    assert [(2,)] == rows(store, "SELECT count(*) FROM emails")
    assert [("s", 1, 5, 2, 1, 2, 0)] == rows(
        store, "SELECT sequencer, batch, accepted, landed, duplicates, filtered, quarantined"
        " FROM accounting")


def test_a_gap_is_filled_by_batches_that_come_late(store: DuckStore) -> None:
    for n in (1, 3, 2):
        store.land(batch(n, [{}]))

    assert [(1,), (2,), (3,)] == rows(store, "SELECT batch FROM events ORDER BY batch")


def test_another_sequencer_counts_for_itself(store: DuckStore) -> None:
    store.land(batch(1, [{}]))
    store.land(batch(1, [{}], sequencer="t"))

    assert [("s",), ("t",)] == rows(store, "SELECT sequencer FROM events ORDER BY 1")


def test_a_batch_without_rows_is_accounted_for(store: DuckStore) -> None:
    store.land(batch(1, []))
    store.land(batch(1, []))

    assert [(1, 3, 0)] == rows(store, "SELECT batch, accepted, landed FROM accounting")


def test_columns_hold_what_was_sent(store: DuckStore) -> None:
    store.land(batch(7, [{"vid": "user-123", "params": '{"go": 6, "a": {"b": "c"}}', "score": 1.5,
                          "bot": True, "ver": None}]))

    assert [("user-123", "6", "c", 1.5, True, None, NOON.replace(tzinfo=None), UUID(int=7 << 64),
             7)] == [
        (*row[:7], UUID(str(row[7])), row[8]) for row in rows(
            store, "SELECT vid, params->>'go', params->>'$.a.b', score, bot, ver, created_at,"
            " CAST(eid AS VARCHAR), batch FROM events")]


@pytest.mark.parametrize("bad", [{"eid": "no uuid"}, {"params": "{"}])
def test_rows_that_will_never_do_are_refused_and_their_parts_land(
    store: DuckStore, bad: Row,
) -> None:
    whole = batch(1, [{}, {}, {}, bad])

    with pytest.raises(BatchRefused):
        store.land(whole)
    assert [(0, 0)] == rows(
        store, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM accounting)")
    for _ in range(2):
        store.land(whole.part(0, 2))
        store.land(whole.part(2, 3))
        with pytest.raises(BatchRefused):
            store.land(whole.part(3, 4))

    assert [(3, 1)] == rows(
        store, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM accounting)")


def test_a_batch_of_which_parts_are_in_comes_as_parts_again(store: DuckStore) -> None:
    whole = batch(1, [{}, {}, {}, {}])
    store.land(whole.part(0, 2))

    with pytest.raises(BatchRefused, match="parts of these rows have landed"):
        store.land(whole)
    store.land(whole.part(2, 4))

    assert [(4,)] == rows(store, "SELECT count(*) FROM events")


def test_counts_follow_from_events(store: DuckStore) -> None:
    page = {"oid": "o", "hhash": "h", "url": "//example.com/", "vid": "v", "ip": "192.0.2.1"}
    store.land(batch(1, [page, {**page, "server": True}, {**page, "first": True}]))
    store.land(batch(2, [page]))

    day = NOON.date()
    assert [("o", "h", "//example.com/", day, 3)] == rows(store, "SELECT * FROM hits")
    assert [("o", "192.0.2.1", day, 3)] == rows(store, "SELECT * FROM dailies")
    assert [("o", "h", "192.0.2.1", day, 4)] == rows(store, "SELECT * FROM ips")
    assert [("vids_created", day, 1)] == rows(store, "SELECT * FROM counters")
    assert [("v",)] == rows(store, "SELECT vid FROM visitors")


def test_the_newest_owner_of_a_hash_is_kept(store: DuckStore) -> None:
    earlier, later = NOON.replace(hour=1), NOON.replace(hour=23)
    store.land(batch(1, [{"ehash": "h", "vid": "v", "sid": "noon"}]))
    store.land(batch(2, [{"ehash": "h", "vid": "v", "sid": "late", "created_at": later},
                         {"ehash": "g", "vid": "v", "sid": "new"}]))
    store.land(batch(3, [{"ehash": "h", "vid": "v", "sid": "early", "created_at": earlier}]))

    assert [("g", "new"), ("h", "late")] == rows(store, "SELECT ehash, sid FROM emails ORDER BY 1")


def test_every_view_can_be_read(store: DuckStore) -> None:
    store.land(batch(1, [{"vid": "v", "uid": "u", "ename": "paid", "sid": "s", "tid": "t"}]))

    for name in [view.name for view in VIEWS] + [derived.table.name for derived in DERIVED]:
        assert 0 <= len(rows(store, f"SELECT * FROM {name}"))


def test_columns_that_are_new_are_added_to_an_old_file(store: DuckStore, tmp_path: Path) -> None:
    store.land(batch(1, [{"vid": "old"}]))
    store.close()
    with duckdb.connect(str(tmp_path / "duckdb" / "sfpla.duckdb")) as connection:
        for name in ("zip", "lat", "targets"):
            connection.execute(f"ALTER TABLE events DROP COLUMN {name}")

    store.open()
    store.land(batch(2, [{"vid": "new", "zip": "10115", "lat": 52.5, "targets": '{"a": 1}'}]))

    assert [("new", "10115", 52.5, '{"a": 1}'), ("old", "", None, "{}")] == rows(
        store, "SELECT vid, zip, lat, targets FROM events ORDER BY vid")


def test_a_batch_from_before_a_column_lands(store: DuckStore) -> None:
    old = batch(1, [{"vid": "v"}])
    store.land(Batch(old.manifest, old.path, old.table.drop_columns(["zip", "lat"])))

    assert [("v", "", None)] == rows(store, "SELECT vid, zip, lat FROM events")


_HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_process_holds_is_away_until_it_lets_go(
    store: DuckStore, tmp_path: Path,
) -> None:
    store.close()
    path = tmp_path / "duckdb" / "sfpla.duckdb"
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert b"open\n" == holder.stdout.readline()
        with pytest.raises(StoreUnavailable, match=f"process {holder.pid}; end it"):
            store.open()
        with pytest.raises(StoreUnavailable, match="another process has the file open"):
            store.land(batch(1, [{}]))
        holder.communicate(timeout=30)

    store.land(batch(1, [{}]))

    assert [(1,)] == rows(store, "SELECT count(*) FROM events")


def test_a_file_that_is_no_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "sfpla.duckdb").write_bytes(b"no database" * 1000)
    store = DuckStore(StoreSettings("duckdb", "duckdb"), tmp_path)

    with pytest.raises(StoreUnavailable):
        store.open()


def test_a_directory_that_cannot_be_made_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = DuckStore(StoreSettings("duckdb", "duckdb"), tmp_path / "file")

    with pytest.raises(StoreUnavailable, match="file: File exists"):
        store.open()


_FILL = """
import resource, signal, sys
from pathlib import Path
import pyarrow as pa
from tracker.batch import Batch, Manifest
from tracker.errors import StoreUnavailable
from tracker.settings import StoreSettings
from tracker.stores.duckdb import DuckStore
from tracker.stores.duckfence import TABLE_FUNCTIONS, reading, table_functions

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
rows = pa.ipc.open_file(sys.argv[2]).read_all()
store = DuckStore(StoreSettings("duckdb", "duckdb"), Path(sys.argv[1]))
store.open()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
failures = n = 0
while n < 40:
    manifest = Manifest("s", n + 1, 0, {}, 1, 1, rows.num_rows, 0, 0, {}, {}, 0, 0, 0, {})
    try:
        store.land(Batch(manifest, Path("x"), rows))
        n += 1
    except StoreUnavailable as error:
        failures += 1
        print(error, flush=True)
        if failures == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert failures < 5, error
assert failures >= 3, failures
[counted] = store.query("SELECT count(*) AS n, count(DISTINCT batch) AS b FROM events", {},
                        10, 1 << 20).to_pylist()
assert counted == {"n": 40 * rows.num_rows, "b": 40}, counted
"""


def test_a_full_disk_is_away_and_all_lands_once_when_there_is_room(tmp_path: Path) -> None:
    rows = batch(1, [{"params": f'{{"a": "{at * 7919}"}}', "vid": f"v{at}"} for at in range(500)])
    path = tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.table.schema) as writer:
        writer.write_table(rows.table)

    done = subprocess.run([sys.executable, "-c", _FILL, str(tmp_path), str(path)], check=False,
                          capture_output=True, text=True, timeout=120)

    assert (0, "") == (done.returncode, done.stderr)


_LAND = """
import sys
from pathlib import Path
import pyarrow as pa
from tracker.batch import Batch, Manifest
from tracker.settings import StoreSettings
from tracker.stores.duckdb import DuckStore
from tracker.stores.duckfence import TABLE_FUNCTIONS, reading, table_functions

rows = pa.ipc.open_file(sys.argv[2]).read_all()
store = DuckStore(StoreSettings("duckdb", "duckdb"), Path(sys.argv[1]))
store.open()
for n in range(1, 10_000):
    manifest = Manifest("s", n, 0, {}, 1, 1, rows.num_rows, 0, 0, {}, {}, 0, 0, 0, {})
    store.land(Batch(manifest, Path("x"), rows))
    print(n, flush=True)
"""


def test_after_a_kill_each_batch_is_in_whole_or_not_at_all(tmp_path: Path) -> None:
    rows_ = batch(1, [{"vid": f"v{at}"} for at in range(100)])
    path = tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows_.table.schema) as writer:
        writer.write_table(rows_.table)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", _LAND, str(tmp_path), str(path)],
                              stdout=subprocess.PIPE) as landing:
            assert landing.stdout is not None
            landed = [int(landing.stdout.readline()) for _ in range(20)][-1]
            landing.kill()
        store = DuckStore(StoreSettings("duckdb", "duckdb"), tmp_path)
        store.open()
        [(events, batches, accounted)] = rows(
            store, "SELECT count(*), count(DISTINCT batch), (SELECT count(*) FROM accounting)"
            " FROM events")
        store.close()

        assert isinstance(batches, int)
        assert batches >= landed
        assert (100 * batches, batches) == (events, accounted)


@pytest.mark.parametrize("sql", [
    "INSERT INTO events (vid) VALUES ('x')",
    "DELETE FROM events",
    "DROP TABLE events",
    "EXPLAIN ANALYZE DELETE FROM events",
    "COPY events TO '/tmp/out.csv'",
    "ATTACH '/tmp/other.duckdb'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM rows",
    "SET enable_external_access = true",
    "SET memory_limit = '10GB'",
    "LOAD httpfs",
    "CALL pragma_version()",
    "COMMIT",
    "SELECT 1; SELECT 2",
    "SELEKT 1",
    "",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '/tmp/out')",
    "SELECT * FROM system.main.\"ENABLE_Logging\"()",
    "EXPLAIN ANALYZE SELECT * FROM enable_logging()",
    "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM enable_logging()",
    "EXPLAIN /* x */ ANALYZE SELECT * FROM enable_logging()",
    "EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT 1",
    "DESCRIBE FROM enable_logging()",
    "SELECT (SELECT count(*) FROM enable_profiling(save_location = '/tmp/out'))",
    "FROM query('FROM enable_logging()')",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM enable_logging()'))",
    "FROM checkpoint()",
    "FROM truncate_duckdb_logs()",
    "/*" * 5_000 + "*/" * 5_000 + "SELECT 1",
    "SELECT 1" + " OR 1" * 20_000,
    "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
], ids=lambda sql: sql[:70])
def test_a_query_reads_the_tables_and_does_nothing_else(store: DuckStore, sql: str) -> None:
    store.land(batch(1, [{}]))

    with pytest.raises(QueryRefused):
        store.query(sql, {}, 10, 1 << 20)
    store.land(batch(2, [{}]))

    assert [(2,)] == rows(store, "SELECT count(*) FROM events")


def test_every_table_function_of_the_engine_is_judged() -> None:
    """Another is refused until someone has looked at it, and at this list."""
    refused = {
        "arrow_scan", "arrow_scan_dumb", "checkpoint", "disable_logging", "disable_profiling",
        "duckdb_approx_database_count", "duckdb_connection_count", "duckdb_coordinate_systems",
        "duckdb_dependencies", "duckdb_extensions", "duckdb_external_file_cache",
        "duckdb_log_contexts", "duckdb_logs", "duckdb_logs_parsed", "duckdb_memory",
        "duckdb_optimizers", "duckdb_prepared_statements", "duckdb_profiling_settings",
        "duckdb_secret_types", "duckdb_secrets", "duckdb_sequences", "duckdb_table_sample",
        "duckdb_temporary_files", "duckdb_variables", "enable_logging", "enable_profiling",
        "force_checkpoint", "glob", "json_execute_serialized_sql", "pandas_scan",
        "parquet_bloom_probe", "parquet_file_metadata", "parquet_full_metadata",
        "parquet_kv_metadata", "parquet_metadata", "parquet_scan", "parquet_schema",
        "pragma_metadata_info", "python_map_function", "query", "query_table", "read_blob",
        "read_csv", "read_csv_auto", "read_duckdb", "read_json", "read_json_auto",
        "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto",
        "read_ndjson_objects", "read_parquet", "read_text", "seq_scan", "sniff_csv",
        "test_all_types", "test_vector_types", "truncate_duckdb_logs", "which_secret",
    }
    with duckdb.connect(":memory:") as connection:
        known = table_functions(connection)
        assert refused | TABLE_FUNCTIONS == known
        for name in sorted(refused):
            with pytest.raises(QueryRefused, match=f"`{name}` is not allowed"):
                reading(connection, f"SELECT 1, (SELECT count(*) FROM {name}())", known)


@pytest.mark.parametrize("sql", ["SHOW TABLES", "DESCRIBE events", "EXPLAIN SELECT 1",
                                 "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
                                 "SELECT 'FROM checkpoint()', '/*' AS \"checkpoint\"",
                                 "EXPLAIN ANALYZE FROM range(3)", "EXPLAIN /* x */ SELECT 1",
                                 "SUMMARIZE events",
                                 "PRAGMA table_info('events')", "SHOW ALL TABLES",
                                 "explain (format json) select 1"])
def test_a_query_may_look_around(store: DuckStore, sql: str) -> None:
    assert store.query(sql, {}, 10, 1 << 20).num_rows


def test_parameters_fill_their_places(store: DuckStore) -> None:
    store.land(batch(1, [{"vid": "a'b", "ver": 3}, {"vid": "c", "ver": 4}]))

    found = store.query("SELECT vid FROM events WHERE vid = $v AND ver = $n",
                        {"v": "a'b", "n": "3", "other": ""}, 10, 1 << 20)

    assert [{"vid": "a'b"}] == found.to_pylist()
    with pytest.raises(QueryRefused):
        store.query("SELECT $missing", {}, 10, 1 << 20)


def test_a_query_is_bounded_in_time_and_size(store: DuckStore) -> None:
    with pytest.raises(QueryRefused, match=r"ran longer than 0\.2 seconds"):
        store.query("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
                    {}, 0.2, 1 << 20)
    with pytest.raises(QueryRefused, match="larger than 1048576 bytes; add a LIMIT"):
        store.query("SELECT * FROM range(1000000)", {}, 10, 1 << 20)
    store.close()
    with pytest.raises(StoreUnavailable, match="duckdb is not open"):
        store.query("SELECT 1", {}, 10, 1 << 20)


def test_queries_run_while_batches_land(store: DuckStore) -> None:
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            [(counted,)] = rows(store, "SELECT count(*) FROM events")
            assert isinstance(counted, int)
            seen.append(counted)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, 31):
        store.land(batch(n, [{}] * 10))
    stop.set()
    reader.join(30)

    assert sorted(seen) == seen
    assert {0} == {counted % 10 for counted in seen}
    assert [(300,)] == rows(store, "SELECT count(*) FROM events")


def test_all_statements_may_run_again() -> None:
    with duckdb.connect(":memory:") as connection:
        for statement in [*dialect.ddl(), *dialect.ddl()]:
            connection.execute(statement)
