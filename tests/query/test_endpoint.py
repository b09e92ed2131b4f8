"""The endpoint speaks ClickHouse's HTTP protocol."""

import gzip
import json

import pytest

from query.asking import Serve, Served, ask


def test_a_query_in_the_url_is_answered_with_tabs(served: Served) -> None:
    answer = ask(served, "SELECT ename, params.go FROM asked.events WHERE params.go = 6")

    assert (200, b"a\t6\n") == (answer.status, answer.body)
    assert "TabSeparated" == answer.headers["x-clickhouse-format"]


def test_a_query_in_the_body_is_answered(served: Served) -> None:
    assert b"6\n" == ask(served, body=b"SELECT 1 + 5").body
    assert b"7\n" == ask(served, body=gzip.compress(b"SELECT 7"),
                         headers={"Content-Encoding": "gzip"}).body


def test_the_format_clause_wins_over_the_default_format(served: Served) -> None:
    assert b"1,\"a\"\n" == ask(served, "SELECT 1, 'a'", default_format="CSV").body
    data = json.loads(ask(served, "SELECT 1 AS n FORMAT JSON; -- TSV", default_format="CSV").body)

    assert [{"n": 1}] == data["data"]


def test_parameters_are_bound_by_their_type(served: Served) -> None:
    assert b"it\\'s\t8\n" == ask(served, "SELECT {a:String}, {b:UInt8} + 1", param_a="it's",
                                 param_b="7").body


def test_the_database_and_settings_of_the_url_are_used(served: Served) -> None:
    assert b"3\n" == ask(served, "SELECT count() FROM events", database="asked").body
    assert b"0\n1\n" == ask(served, "SELECT number FROM numbers(9)", limit="2", session_id="x",
                            wait_end_of_query="1", nosuchsetting="1", readonly="0").body


def test_settings_cannot_go_beyond_the_endpoints_own(served: Served) -> None:
    names = ("max_threads", "max_block_size", "max_memory_usage", "max_result_bytes")
    sql = "SELECT " + ", ".join(f"toUInt64(getSetting('{name}'))" for name in names)

    assert b"16\t65409\t500000000\t200000000\n" == ask(
        served, sql, max_threads="9000000000", max_block_size="9000000000",
        max_memory_usage="9000000000", max_result_bytes="9000000000").body


def test_settings_of_the_query_are_used_too(served: Served) -> None:
    assert b"0\n1\n" == ask(served, "SELECT number FROM numbers(9) SETTINGS limit = 2").body
    assert b"1\n" == ask(served, "SELECT getSetting('readonly') SETTINGS readonly = 0").body


@pytest.mark.parametrize("form", ["TabSeparated", "CSVWithNames", "JSONEachRow", "Native",
                                  "Parquet", "Arrow", "JSON", "RowBinary", "PrettyCompact"])
def test_a_result_of_many_blocks_is_the_same_as_the_engines_own(
        served: Served, form: str) -> None:
    sql = "SELECT number, toString(number) AS s FROM numbers(400000)"
    one = ask(served, f"SELECT cityHash64(groupArray((number, s))) FROM ({sql})").body
    body = ask(served, sql, default_format=form).body

    assert len(body) > 100_000 or form == "PrettyCompact"
    assert one.strip().isdigit()
    if form == "JSONEachRow":
        assert 400_000 == body.count(b"\n")
    if form == "CSVWithNames":
        assert 400_001 == body.count(b"\n")


def test_totals_are_not_lost(served: Served) -> None:
    sql = "SELECT number % 2 AS k, count() FROM numbers(4) GROUP BY k WITH TOTALS ORDER BY k"

    assert b"0\t2\n1\t2\n\n0\t4\n" == ask(served, sql).body


@pytest.mark.parametrize(("sql", "code", "status"), [
    ("SELEC 1", "62", 400),
    ("SELECT * FROM asked.nothing", "60", 404),
    ("SELECT nothing FROM asked.events", "47", 404),
    ("INSERT INTO asked.events (ename) VALUES ('x')", "164", 403),
    ("DROP DATABASE asked", "164", 403),
    ("SELECT file('/etc/hostname')", "497", 403),
    ("SELECT {a:UInt8}", "456", 400),
    ("SELECT throwIf(number = 3000000) FROM numbers(9000000) FORMAT Null", "395", 500),
])
def test_errors_are_told_as_clickhouse_tells_them(served: Served, sql: str, code: str,
                                                  status: int) -> None:
    answer = ask(served, sql)

    assert (status, code) == (answer.status, answer.headers["x-clickhouse-exception-code"])
    assert answer.body.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_an_error_behind_a_part_of_the_result_breaks_it_off(served: Served) -> None:
    answer = ask(served, "SELECT throwIf(number = 3000000) FROM numbers(9000000)")

    assert answer.broken
    tag = answer.headers["x-clickhouse-exception-tag"].encode()
    assert b"\r\n__exception__\r\n%b\r\nCode: 395. DB::Exception" % tag in answer.body
    assert answer.body.endswith(b" %b\r\n__exception__\r\n" % tag)


def test_a_flush_waits_for_what_was_acknowledged(served: Served) -> None:
    before = len(served.flushed)
    answer = ask(served, body=b"SYSTEM FLUSH ASYNC INSERT QUEUE")

    assert (200, b"", before + 1) == (answer.status, answer.body, len(served.flushed))


def test_ping_and_an_empty_request_say_ok(served: Served) -> None:
    assert b"Ok.\n" == ask(served, path="/ping").body
    assert b"Ok.\n" == ask(served).body
    assert 404 == ask(served, path="/play").status


def test_a_head_does_not_run_the_query(served: Served) -> None:
    before = served.endpoint.counts.queries
    answer = ask(served, "SELECT 1", method="HEAD", default_format="Parquet")

    assert (200, b"", before) == (answer.status, answer.body, served.endpoint.counts.queries)
    assert "none" == answer.headers["accept-ranges"]


def test_a_range_is_answered_in_full(served: Served) -> None:
    answer = ask(served, "SELECT 12345", headers={"Range": "bytes=0-1"})

    assert (200, b"12345\n") == (answer.status, answer.body)


@pytest.mark.parametrize("headers", [
    {"Origin": "http://localhost"}, {"Host": "evil.example"}, {"Host": "evil.example:8123"},
    {"Host": "localhost.evil.example"}, {"Host": "[::1].evil.example"}, {"Host": "[localhost]x"},
    {"Host": "localhost:1@evil.example"}, {"Host": ""}, {"Sec-Fetch-Site": "cross-site"},
])
def test_pages_in_a_browser_are_refused(served: Served, headers: dict[str, str]) -> None:
    assert 403 == ask(served, "SELECT 1", headers=headers).status


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8123", "[::1]:8123"])
def test_the_endpoints_own_names_are_taken(served: Served, host: str) -> None:
    assert 200 == ask(served, "SELECT 1", headers={"Host": host}).status


def test_a_password_is_asked_for_where_one_is_set(serve: Serve) -> None:
    with serve(password="geheim-ü") as served:
        right = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "geheim-ü".encode().decode(
            "latin-1")}

        assert 401 == ask(served, "SELECT 1").status
        assert "516" == ask(served, "SELECT 1").headers["x-clickhouse-exception-code"]
        assert 401 == ask(served, "SELECT 1", password="geheim").status
        assert 401 == ask(served, "SELECT 1", user="root", password="geheim-ü").status
        assert 200 == ask(served, "SELECT 1", password="geheim-ü").status
        assert 200 == ask(served, "SELECT 1", headers=right).status
        assert 200 == ask(served, path="/ping").status


def test_another_user_does_not_exist(served: Served) -> None:
    assert 401 == ask(served, "SELECT 1", user="admin").status


def test_a_body_that_is_too_large_is_answered(served: Served) -> None:
    assert 413 == ask(served, body=b"x" * 10_000_000).status
