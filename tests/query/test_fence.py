"""Readers read the tracker's tables, and nothing else."""

import pytest

from tracker.query.engine import Readable
from tracker.query.failure import QueryFailed
from tracker.query.fence import Fence, Statement, is_flush

F = "file('/etc/hostname')"

REFUSED = [
    f"SELECT {F}", "SELECT `file`('/etc/hostname')", 'SELECT "file"(\'/etc/hostname\')',
    "SELECT file/**/-- x\n('/etc/hostname')", f"WITH {F} AS x SELECT x",
    f"FROM system.one SELECT {F}",
    f"SELECT * FROM (SELECT {F})", f"SELECT 1 UNION ALL SELECT {F}", f"VALUES ({F})",
    "SELECT arrayMap(file, ['/etc/hostname'])", "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')", "SELECT * APPLY(x -> x) FROM system.one",
    "SELECT COLUMNS('.*') APPLY file FROM (SELECT '/etc/hostname' AS a)",
    f"SELECT * REPLACE({F} AS ename) FROM asked.events",
    f"SELECT 1 AS n, '' AS s ORDER BY n WITH FILL FROM 0 TO 5 INTERPOLATE (s AS {F})",
    f"SHOW TABLES WHERE {F} = ''", f"SHOW COLUMNS FROM asked.events WHERE {F} = ''",
    f"DESCRIBE TABLE {F}", f"DESCRIBE (SELECT {F})", f"EXPLAIN actions = 1 SELECT {F}",
    f"EXPLAIN AST SELECT {F}", f"EXPLAIN QUERY TREE run_passes = 1 SELECT {F}",
    f"SELECT 1 WHERE {F} = ''", f"SELECT 1 ORDER BY {F}", f"SELECT 1 LIMIT 1 BY {F}",
    f"SELECT count() OVER (ORDER BY {F})", f"SELECT 1 QUALIFY {F} = ''", f"SELECT [{F}][1]",
    f"SELECT {F}::String", f"SELECT CAST({F} AS String)", f"SELECT 1 IN ({F})",
    f"SELECT $$x$$, {F}", f"SELECT 1 AS x$$, {F} AS y$$", f"SELECT '\\'', {F}, '\\''",
    f"SELECT 'a''', {F}, ''", f"SELECT 1 # x\n, {F}", f"SELECT 1 /* /* */ */, {F}",
    f"SELECT * FROM numbers(length({F}))", f"SELECT * FROM view(SELECT {F})",
    f"SELECT * FROM values('x String', {F})", "SELECT {f:Identifier}",
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'b', 'c', 'd', 'e') COLUMNS (x Int8)",
    "SELECT 1 INTO OUTFILE '/tmp/x'", "(SELECT 1) INTO OUTFILE '/tmp/x' FORMAT CSV",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'x String')", "SELECT * FROM python(x)",
    "SELECT * FROM s3('http://127.0.0.1:1/x')", "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM hudi('http://127.0.0.1:1/b/')", "SELECT * FROM bigquery('p', 'd', 't')",
    "SELECT * FROM fuzzJSON('{}')", "SELECT * FROM fuzzQuery('SELECT 1')",
    "SELECT * FROM arrowstream('x')", "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM executable('x', 'CSV', 'x String')", "SELECT * FROM dictionary('x')",
    "SELECT * FROM merge('system', 'one')", "SELECT * FROM merge('SYSTEM', 'one')",
    "SELECT * FROM merge(concat('sys', 'tem'), 'one')", "SELECT * FROM merge(REGEXP('s'), 'one')",
    "SELECT * FROM merge('stack_trace')", "SELECT * FROM system.stack_trace",
    "SELECT * FROM `system`.`stack_trace`", "SELECT * FROM stack_trace", "SELECT s.file('/x')",
    "SELECT aiGenerate('x')",
    "SELECT AIClassify('a', ['b'])",
    "SELECT getClientHTTPHeader('x')", "SELECT __scalarSubqueryResult(1)", "SELECT logTrace('x')",
    "SELECT 1; SELECT 2", "SELECT 1 PARALLEL WITH SELECT 2", "KILL QUERY WHERE 1", "USE asked",
    "SET max_threads = 1", "SYSTEM SHUTDOWN", "SYSTEM FLUSH LOGS", "CHECK TABLE asked.events",
    "INSERT INTO asked.events (ename) VALUES ('x')", "CREATE TABLE x (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a Int8)", "CREATE FUNCTION f AS x -> file(x)", "ATTACH TABLE x",
    "BACKUP DATABASE asked TO File('/tmp/x')", "TRUNCATE TABLE asked.events",
    "ALTER TABLE asked.events DELETE WHERE 1", "DELETE FROM asked.events WHERE 1",
    "OPTIMIZE TABLE asked.events", "DROP DATABASE asked", "EXPLAIN INSERT INTO x SELECT file('y')",
    "EXECUTE AS x SELECT 1", "GRANT ALL ON *.* TO x", "BEGIN TRANSACTION", "SELECT 'a\0b'", "",
]

ALLOWED = [
    "SELECT dynamicType(params.go), params, params.go FROM asked.events WHERE params.go = 6;",
    "SELECT url, params.file, e.params.`file`, params.symbols FROM asked.events AS e",
    "SELECT 'file', 'stack_trace'",
    "SELECT * FROM asked.events -- FORMAT file\n", "SELECT 'FORMAT CSV' FORMAT TSV",
    "SHOW TABLES FROM asked", "SHOW CREATE TABLE asked.events", "DESCRIBE asked.events",
    "EXISTS TABLE asked.events", "EXPLAIN SELECT 1", "SELECT version(), timezone()",
    "SELECT name, value, readonly FROM system.settings LIMIT 10000 FORMAT Native",
    "SELECT * FROM merge('asked', '^events')", "SELECT * FROM view(SELECT 1)",
    "SELECT quantileTDigest(0.5)(number), retention(1, 1), lowerUTF8('Ä') FROM numbers(3)",
    "WITH a AS (SELECT 1 AS x) SELECT x + (SELECT max(x) FROM a) FROM a",
    "SELECT format('{} {}', 1, 2), - -1, 1.5e-3, 0x1f, 'it''s', 'a\\tb', '日本' AS `名 #$--`",
    "SELECT 1 FORMAT ArrowStream", "SELECT number FROM numbers(9) ORDER BY number DESC LIMIT 2, 3",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_reaches_out_or_writes_is_refused(tables: Readable, sql: str) -> None:
    session = tables.reader("readonly=1")
    fence = Fence(session)

    with pytest.raises(QueryFailed) as refused:
        fence.check(session, sql, {"f": "file"})

    assert refused.value.code in {62, 164, 497}
    session.close()


@pytest.mark.parametrize("database", ["sfpla", "default"])
def test_no_database_has_files_for_tables(tables: Readable, database: str) -> None:
    session = tables.reader(f"readonly=1&database={database}")
    found = {table: (session.query(f"EXISTS TABLE {table}", "TSVRaw").bytes() or b"").decode()
             for table in ("`/etc/hostname`", "default.`/etc/hostname`")}
    engines = (session.query("SELECT DISTINCT engine FROM system.databases ORDER BY engine",
                             "TSVRaw").bytes() or b"").decode().split()
    session.close()

    assert {"0\n"} == set(found.values())
    assert ["Atomic", "Memory"] == engines


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_reads_tables_may_run(tables: Readable, sql: str) -> None:
    session = tables.reader("readonly=1&dynamic_throw_on_type_mismatch=0")

    statement = Fence(session).check(session, sql, {})
    session.query(statement.sql, "TSV")

    session.close()


@pytest.mark.parametrize(("sql", "expected"), [
    ("SELECT 1", Statement("SELECT 1", {}, "", True)),
    ("SELECT 1 FORMAT JSON;", Statement("SELECT 1 FORMAT JSON;", {}, "JSON", True)),
    ("SELECT 1 settings max_threads = 1, limit=2.5 format `JSON`",
     Statement("SELECT 1 FORMAT JSON", {"max_threads": "1", "limit": "2.5"}, "JSON", True)),
    ("SELECT 1 FORMAT CSV SETTINGS a='b, c'",
     Statement("SELECT 1 FORMAT CSV ", {"a": "b, c"}, "CSV", True)),
    ("SHOW TABLES", Statement("SHOW TABLES", {}, "", False)),
    ("SELECT 1, count() GROUP BY 1 WITH TOTALS",
     Statement("SELECT 1, count() GROUP BY 1 WITH TOTALS", {}, "", False)),
])
def test_settings_and_format_are_read_from_the_query(tables: Readable, sql: str,
                                                     expected: Statement) -> None:
    session = tables.reader("readonly=1&max_threads=1")

    assert expected == Fence(session).check(session, sql, {})

    session.close()


@pytest.mark.parametrize(("sql", "expected"), [
    ("SYSTEM FLUSH ASYNC INSERT QUEUE", True),
    ("system flush /* x */ async insert queue;", True),
    ("SYSTEM FLUSH ASYNC INSERT QUEUE asked.events", True),
    ("SYSTEM FLUSH ASYNC INSERT QUEUE; DROP TABLE x", False),
    ("SELECT 'SYSTEM FLUSH ASYNC INSERT QUEUE'", False),
])
def test_a_flush_is_known(sql: str, expected: bool) -> None:
    assert expected == is_flush(sql)


def test_every_table_function_of_the_engine_is_judged(tables: Readable) -> None:
    """One that a newer engine adds is refused until someone has looked at it."""
    session = tables.reader("readonly=1")
    fence = Fence(session)
    names = (session.query("SELECT name FROM system.table_functions", "TSVRaw").bytes()
             or b"").decode().split()
    passed = set()
    for name in names:
        try:
            fence.check(session, f"SELECT * FROM {name}('asked', 'x')", {})
        except QueryFailed:
            continue
        passed.add(name)
    session.close()

    assert {"SQLStandardValues", "generateSeries", "generate_series", "merge", "mergeTreeIndex",
            "null", "numbers", "numbers_mt", "primes", "values", "zeros", "zeros_mt",
            "format"} >= passed
