"""The declared schema on the real engine: it is made, it matches, and readers find their rows."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.batches import make_batch
from tracker.columns import Column, Kind
from tracker.schema import clickhouse, migrations
from tracker.schema.table import Keep, Table
from tracker.schema.tables import DERIVED, TABLES, VIEWS, personal, stored
from tracker.settings import BatchSettings
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine

_numbers = itertools.count()


@pytest.fixture
def store(engine: Engine) -> Iterator[ChdbStore]:
    """A store in a fresh database."""
    made = ChdbStore("chdb", engine, f"schema_{next(_numbers)}")
    made.open()
    yield made
    made.close()


@pytest.fixture(scope="module")
def filled(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    """A store with the events of a visitor's journey."""
    made = ChdbStore("chdb", engine, "filled")
    made.open()
    made.land(make_batch(tmp_path_factory.mktemp("batches"), 1, JOURNEY))
    yield made
    made.close()


_ORG = {"oid": "o1", "org": "Org", "hhash": "h"}
JOURNEY: list[dict[str, Any]] = [
    _ORG | {"vid": "e2e-1", "sid": "s1", "ename": "page_view", "etyp": "view", "first": True,
            "url": "//a.org/1", "last": "//b.org/2", "ip": "192.0.2.1", "iphash": "i",
            "lat": 1.0, "lon": 2.0, "ref": "v0", "rcode": "r", "params": {"go": 6}},
    _ORG | {"vid": "e2e-1", "sid": "s1", "uid": "user-1", "ename": "paid", "etyp": "conversion",
            "score": 9.5, "invoice_id": "inv", "tid": "thread-1", "params": {"go": "six"}},
    {"ename": "test", "etyp": "test", "params": {"go": [6]}},
]

READERS_QUERIES = [
    ("SELECT COUNT(*) FROM sfpla.events", 1),
    ("SELECT count() FROM sfpla.events FINAL", 1),
    ("SELECT ename, etyp, vid FROM sfpla.events ORDER BY created_at DESC LIMIT 5", 3),
    (("SELECT ename, etyp, vid, oid FROM sfpla.events WHERE etyp='conversion'"
     " ORDER BY created_at DESC LIMIT 5"), 1),
    ("SELECT vid, uid, revenue FROM sfpla.ltv ORDER BY updated_at DESC LIMIT 5", 1),
    ("SELECT uid, revenue FROM sfpla.ltvu ORDER BY updated_at DESC LIMIT 5", 1),
    ("SELECT vid, revenue FROM sfpla.ltvv ORDER BY updated_at DESC LIMIT 5", 1),
    ("SELECT urlfrom, urlto FROM sfpla.redirects LIMIT 10", 1),
    (("SELECT urlfrom, urlto, updater FROM sfpla.redirect_history"
     " ORDER BY updated_at DESC LIMIT 10"), 1),
    ("SELECT vid, cflags, country FROM sfpla.agreements ORDER BY created_at DESC LIMIT 5", 1),
    ("SELECT vid, cflags, country FROM sfpla.agreed ORDER BY created_at DESC LIMIT 10", 2),
    ("SELECT * FROM sfpla.jurisdictions LIMIT 10", 1),
    (("SELECT tid, campaign_id, status, channel FROM sfpla.mthreads"
     " ORDER BY updated_at DESC LIMIT 5"), 1),
    ("SELECT tid, subject, content FROM sfpla.mstore ORDER BY updated_at DESC LIMIT 5", 1),
    ("SELECT tid, status FROM sfpla.mtriage ORDER BY updated_at DESC LIMIT 5", 1),
    ("SELECT COUNT(*) as total, etyp FROM sfpla.events WHERE etyp='test' GROUP BY etyp", 1),
    ("SELECT ename, etyp FROM sfpla.events WHERE vid='e2e-1' ORDER BY created_at", 2),
    ("SELECT revenue FROM sfpla.ltv WHERE vid='e2e-1'", 1),
    ("SELECT id, id_type, paid FROM sfpla.ltv_by_id ORDER BY updated_at DESC", 2),
    ("SELECT cflags FROM sfpla.agreements WHERE vid='e2e-1'", 1),
    (("SELECT dynamicType(params.go), params, params.go FROM sfpla.events where params.go = 6"
     " SETTINGS dynamic_throw_on_type_mismatch = 0"), 1),
]

_TIMES = "'2026-03-01 12:00:00', '2026-03-01 12:00:00'"
ROWS_OF_OTHER_KINDS = [
    ("payments (id, oid, uid, vid, revenue, created_at, updated_at)",
     (f"('p1', 'o1', 'user-1', 'e2e-1', 149.99, {_TIMES}),"
     f" ('p1', 'o1', 'user-1', 'e2e-1', 149.99, {_TIMES})")),
    ("redirects_store (urlfrom, urlto, created_at, updated_at)",
     f"('a.org/s', 'https://b.org/1', {_TIMES}), ('a.org/s', 'https://b.org/2', {_TIMES})"),
    ("redirect_history (urlfrom, urlto, updated_at)",
     "('https://a.org/s', 'https://b.org/1', '2026-03-01 12:00:00')"),
    ("agreements_store (vid, cflags, created_at, updated_at)",
     f"('e2e-1', 1, {_TIMES}), ('e2e-1', 1024, {_TIMES})"),
    ("agreed (vid, cflags, created_at, updated_at)",
     f"('e2e-1', 1, {_TIMES}), ('e2e-1', 1024, {_TIMES})"),
    ("jurisdictions_store (regulation, rules, updated_at)",
     "('GDPR', '{}', '2026-03-01 12:00:00')"),
    ("mthreads_store (oid, tid, campaign_id, status, ver, created_at)",
     ("('o1', 't1', 'c1', 'sent', 3, '2026-03-01 12:00:00'),"
     " ('o1', 't1', '', 'read', NULL, '2026-03-01 12:00:01')")),
    ("mstore (oid, tid, subject, content, created_at, updated_at)",
     f"('o1', 't1', 'Test Email', 'Body', {_TIMES})"),
    ("mtriage (oid, tid, status, created_at, updated_at)", f"('o1', 't1', 'sent', {_TIMES})"),
]


@pytest.fixture(scope="module")
def told(filled: ChdbStore) -> ChdbStore:
    """The journey, and a row or two in each table of other kinds."""
    for into, values in ROWS_OF_OTHER_KINDS:
        filled.execute(f"INSERT INTO filled.{into} VALUES {values}")
    return filled


def ask(store: ChdbStore, query: str) -> list[dict[str, Any]]:
    return store.rows(query.replace("sfpla.", "filled."))


@pytest.mark.parametrize(("query", "rows"), READERS_QUERIES)
def test_queries_that_readers_know_are_answered(told: ChdbStore, query: str, rows: int) -> None:
    assert rows == len(ask(told, query))


def test_current_tables_show_the_newest_row(told: ChdbStore) -> None:
    assert [{"cflags": 1024}] == ask(told, "SELECT cflags FROM sfpla.agreements")
    assert [{"urlto": "https://b.org/2"}] == ask(told, "SELECT urlto FROM sfpla.redirects")
    assert [{"revenue": 149.99}] == ask(told, "SELECT revenue FROM sfpla.ltv WHERE vid='e2e-1'")


def test_a_thread_shows_the_newest_known_value_of_each_column(told: ChdbStore) -> None:
    found = ask(told, "SELECT campaign_id, status, ver, alias, cats FROM sfpla.mthreads")

    assert [{"campaign_id": "c1", "status": "read", "ver": 3, "alias": "", "cats": []}] == found


@pytest.mark.parametrize(("view", "rows"), [
    ("visitors", 1), ("visitors_latest", 1), ("sessions", 1), ("nodes", 1), ("locations", 1),
    ("aliases", 1), ("user_sessions", 1), ("routed", 1), ("referrals", 1), ("referred", 1),
    ("last_event_by_vid_uid_ename", 2), ("last_event_by_user", 1), ("conversion_funnel", 1),
    ("event_frequency", 3), ("impression_daily", 1), ("events_recent", 0),
])
def test_views_leave_out_what_is_unknown(filled: ChdbStore, view: str, rows: int) -> None:
    assert rows == len(ask(filled, f"SELECT * FROM sfpla.{view}"))


def test_pages_and_where_visitors_came_from_can_be_asked_for(filled: ChdbStore) -> None:
    found = ask(filled, "SELECT path, url_host, referrer FROM sfpla.events WHERE url <> ''")

    assert [{"path": "/1", "url_host": "a.org", "referrer": "b.org"}] == found


def test_the_funnel_tells_when_and_for_how_much(filled: ChdbStore) -> None:
    found = ask(filled, "SELECT vid, days_to_conversion, conversion_value, invoice_id"
                        " FROM sfpla.conversion_funnel")

    assert [{"vid": "e2e-1", "days_to_conversion": 0, "conversion_value": 9.5,
             "invoice_id": "inv"}] == found


def test_tables_have_the_declared_columns(store: ChdbStore, engine: Engine) -> None:
    database = store.database
    rows = store.rows(f"SELECT table, name FROM system.columns WHERE database = '{database}'"
                      " AND default_kind <> 'ALIAS'"
                      " ORDER BY table, position")
    found = {table: tuple(row["name"] for row in group) for table, group
             in itertools.groupby(rows, key=lambda row: row["table"])}

    for table in stored():
        assert table.names == found[table.name]
    assert {view.name for view in VIEWS} <= found.keys()


def test_running_the_statements_again_changes_nothing(store: ChdbStore) -> None:
    assert [] == migrations.pending(store, store.database)
    for statement in clickhouse.ddl(store.database):
        store.execute(statement)
    assert [] == migrations.apply(store, store.database)


def test_a_declared_column_that_the_store_lacks_is_added(
    store: ChdbStore, tmp_path: Path,
) -> None:
    store.land(make_batch(tmp_path, 1, [{"ename": "x"}]))
    store.execute(f"ALTER TABLE {store.database}.events DROP COLUMN xid")

    assert 1 == len(migrations.pending(store, store.database))
    assert "pending" in migrations.show(store, store.database)
    store.open()

    assert [] == migrations.pending(store, store.database)
    assert [{"ename": "x", "xid": ""}] == store.rows(
        f"SELECT ename, xid FROM {store.database}.events")


def test_a_first_migration_that_was_cut_short_is_finished(engine: Engine) -> None:
    store = ChdbStore("chdb", engine, "cut_short")
    store.open()
    store.execute("TRUNCATE TABLE cut_short.schema_migrations")
    store.execute("DROP TABLE cut_short.hits_mv")
    store.execute("DROP VIEW cut_short.visitors")
    store.open()

    every = {migration.version for migration in migrations.MIGRATIONS}
    assert every == migrations.applied(store, "cut_short").keys()
    assert store.rows("EXISTS TABLE cut_short.hits_mv")[0]["result"] == 1
    store.close()


SMALLER = 3


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_tables_of_before_compress_as_new_ones_do(
    engine: Engine, tmp_path: Path, share: float,
) -> None:
    """Also where a start was cut off with so much of the migration done, with rows in place."""
    new, old = (ChdbStore("chdb", engine, f"{name}_{share * 2:.0f}") for name in ("new", "old"))
    new.open()
    old.open()
    old.land(make_batch(tmp_path, 1, JOURNEY))
    _compress_as_before(old)
    assert _definitions(new) != _definitions(old)
    statements = clickhouse.make_smaller(old.database)
    for statement in statements[:int(len(statements) * share)]:
        old.execute(statement)

    old.open()

    assert _definitions(new) == _definitions(old)
    assert SMALLER in migrations.applied(old, old.database)
    assert [] == old.rows(f"SELECT 1 FROM system.mutations WHERE database = '{old.database}'")
    assert [{"n": len(JOURNEY)}] == old.rows(f"SELECT count() AS n FROM {old.database}.events")
    old.land(make_batch(tmp_path, 2, JOURNEY))
    assert [{"n": 2}] == old.rows(f"SELECT sum(total) AS n FROM {old.database}.hits")
    new.close()
    old.close()


def test_counters_of_before_go_on_with_those_of_services(engine: Engine, tmp_path: Path) -> None:
    store = ChdbStore("chdb", engine, "before_counted")
    store.open()
    store.land(make_batch(tmp_path, 1, JOURNEY))
    for statement in ("DROP TABLE {}.counters_of_counted_mv", "DROP TABLE {}.counted",
                      "DROP VIEW {}.updates_latest", "ALTER TABLE {}.updates DROP COLUMN eid",
                      "ALTER TABLE {}.schema_migrations DELETE WHERE version IN (0, 4)"):
        store.execute(f"{statement.format(store.database)} SETTINGS mutations_sync = 2")
    counters = f"SELECT id, sum(total) AS n FROM {store.database}.counters GROUP BY id"
    before = store.rows(counters)
    store.close()

    store.open()
    sold = {"kind": "counter", "extra": '[{"id": "a", "day": "2026-03-01", "total": 2}]'}
    done = {"kind": "update", "extra":
            '[{"id": "u", "msg": "m", "updated_at": "2026-03-01 12:00:00.000"}]'}
    store.land(make_batch(tmp_path, 2, [sold, sold, done]))

    after = sorted(store.rows(counters), key=lambda row: str(row["id"]))
    assert [{"id": "a", "n": 4}, *before] == after
    assert [{"msg": "m"}] == store.rows(f"SELECT msg FROM {store.database}.updates_latest")
    assert [] == migrations.pending(store, store.database)
    store.close()


def _compress_as_before(store: ChdbStore) -> None:
    """Make the tables what they were before the migration that makes them smaller."""
    for table in stored():
        name = f"{store.database}.{table.name}"
        if table.dense:
            store.execute(f"ALTER TABLE {name} RESET SETTING default_compression_codec")
        for column in table.again:
            store.execute(f"ALTER TABLE {name} MODIFY COLUMN {column}"
                          " RESET SETTING min_compress_block_size")
    store.execute(f"TRUNCATE TABLE {store.database}.schema_migrations")
    for version in range(1, SMALLER):
        store.execute(f"INSERT INTO {store.database}.schema_migrations"
                      f" SELECT {version}, 'before', now64(3, 'UTC')")


def _definitions(store: ChdbStore) -> dict[str, tuple[str, ...]]:
    """What each table is made of; the order of its settings is left out."""
    rows = store.rows("SELECT name, create_table_query AS made FROM system.tables"
                      f" WHERE database = '{store.database}'")
    made = {str(row["name"]): str(row["made"]).replace(store.database, "it") for row in rows}
    return {name: tuple(sorted(re.split(r", | SETTINGS | COMMENT ", statement)))
            for name, statement in made.items()}


def test_tables_and_views_declared_since_are_made(engine: Engine) -> None:
    store = ChdbStore("chdb", engine, "declared_since")
    store.open()
    store.execute("DROP TABLE declared_since.logs")
    store.execute("CREATE OR REPLACE VIEW declared_since.visitors AS SELECT 1 AS one")
    store.execute("INSERT INTO declared_since.schema_migrations SELECT 0, 'other', now64(3, 'UTC')")

    assert "CREATE OR REPLACE VIEW declared_since.visitors" in migrations.show(
        store, "declared_since")
    store.open()

    assert [] == migrations.pending(store, "declared_since")
    assert [] == store.rows("SELECT * FROM declared_since.logs")
    assert [] == store.rows("SELECT vid FROM declared_since.visitors")
    store.close()


def test_a_table_that_forgets_tokens_too_soon_is_refused(store: ChdbStore) -> None:
    store.execute(f"ALTER TABLE {store.database}.hits"
                  " MODIFY SETTING non_replicated_deduplication_window = 10")

    with pytest.raises(Exception, match="hits: the table"):
        migrations.check_window(store, store.database)


def test_the_window_is_four_times_the_parts_of_any_batch() -> None:
    assert clickhouse.WINDOW >= 4 * BatchSettings().partitions
    assert clickhouse.WINDOW >= 4 * 12 * (2106 - 1970)


def test_what_is_looked_up_is_read_in_short_blocks() -> None:
    for table in stored():
        assert set(table.again) <= set(table.names)
        assert set(table.again).isdisjoint((*table.lookups, *table.order))


def test_keys_sums_and_versions_are_never_null() -> None:
    for table in stored():
        for name in (*table.order, *table.sums, *filter(None, (table.version, table.month))):
            assert "Nullable" not in clickhouse.type_of(table.column(name))


def test_what_is_personal_is_marked() -> None:
    known = {"vid", "sid", "uid", "ip", "iphash", "ehash", "chash", "uhash", "gaid", "idfa"}
    unmarked = [f"{table.name}.{column.name}" for table in stored() for column in table.columns
                if column.name in known and not column.personal]

    assert [] == unmarked
    assert "vid" in personal()["events"]


def test_no_two_things_have_one_name() -> None:
    names = [table.name for table in stored()] + [view.name for view in VIEWS]

    assert len(names) == len(set(names))
    assert all(len(table.names) == len(set(table.names)) for table in stored())


def test_a_summed_table_sums_only_columns_outside_its_key() -> None:
    for derived in DERIVED:
        assert set(derived.table.sums).isdisjoint(derived.table.order)
        assert len(derived.values) == len(derived.table.columns)
    assert all(table.keep is not Keep.SUM or table.sums for table in TABLES)


def test_text_is_escaped_in_statements() -> None:
    table = Table("t", "It's \\ odd", (Column("a", Kind.TEXT, ""),), order=("a",))

    assert "COMMENT 'It\\'s \\\\ odd'" in clickhouse.create_table(table)
