from collections.abc import Iterator
from pathlib import Path

import pytest

from query.asking import Serve, Served, ask
from tracker.settings import StoreSettings
from tracker.sqlclient import run_sql
from tracker.stores.duckdb import DuckStore

pytest.importorskip("duckdb", reason="the extra duckdb is not installed")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    made = DuckStore(StoreSettings("duckdb", "duckdb"), tmp_path)
    made.open()
    yield made
    made.close()


@pytest.fixture
def both(serve: Serve, store: DuckStore) -> Iterator[Served]:
    with serve(readers={"duckdb": store}, seconds=5.0, result_bytes=1 << 20) as answering:
        yield answering


def test_a_store_that_is_named_answers_in_its_own_dialect(both: Served) -> None:
    answer = ask(both, "SELECT [1, 2][1] AS a, $v AS b FORMAT JSONEachRow", store="duckdb",
                 param_v="x")

    assert (200, b'{"a":1,"b":"x"}\n') == (answer.status, answer.body)
    assert "JSONEachRow" == answer.headers["x-clickhouse-format"]


def test_without_a_name_the_embedded_engine_answers(both: Served) -> None:
    assert b"3\n" == ask(both, "SELECT count() FROM asked.events").body


@pytest.mark.parametrize(("sql", "name", "status", "says"), [
    ("SELECT 1", "nats", 400, b"There is no store nats to ask; there is: duckdb"),
    ("DROP TABLE events", "duckdb", 400, b"only reading statements"),
    ("SELECT * FROM range(1000000)", "duckdb", 400, b"larger than 1048576 bytes"),
    ("SELECT 1 FORMAT Protobuf", "duckdb", 404, b"Unknown format Protobuf"),
])
def test_what_a_store_does_not_answer_is_told(
    both: Served, sql: str, name: str, status: int, says: bytes,
) -> None:
    answer = ask(both, sql, store=name)

    assert status == answer.status
    assert says in answer.body


def test_a_store_that_is_away_is_told(both: Served, store: DuckStore) -> None:
    store.close()

    answer = ask(both, "SELECT 1", store="duckdb")

    assert 503 == answer.status
    assert b"duckdb is not open" in answer.body


def test_the_command_asks_the_store(both: Served, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+") as out:
        code = run_sql("127.0.0.1", both.port, "", "SELECT 1 AS a; SELECT 2 AS a", "csv", out, {},
                       "duckdb")
        out.seek(0)

        assert (0, '"a"\n1\n"a"\n2\n') == (code, out.read())
