"""Clients of ClickHouse read the embedded engine as they read a server."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from query.asking import Served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    connected = clickhouse_connect.get_client(host="127.0.0.1", port=served.port)
    yield connected
    connected.close()


def test_clickhouse_connect_reads_rows(client: Client) -> None:
    found = client.query("SELECT ename, params.go FROM asked.events WHERE params.go = {go:UInt8}",
                         parameters={"go": 6})

    assert [("a", 6)] == found.result_rows
    assert client.ping()


def test_clickhouse_connect_binds_any_text(client: Client) -> None:
    text = "it's\t\\ \n'; -- ü"

    assert [(text,)] == client.query("SELECT {t:String}", parameters={"t": text}).result_rows
    assert [(text,)] == client.query("SELECT %(t)s", parameters={"t": text}).result_rows


def test_clickhouse_connect_reads_frames_and_arrow(client: Client) -> None:
    sql = "SELECT number AS n FROM numbers(100000)"

    assert 4_999_950_000 == client.query_df(sql)["n"].sum()
    assert 100_000 == client.query_arrow(sql).num_rows
    with client.query_arrow_stream(sql) as batches:
        assert 100_000 == sum(batch.num_rows for batch in batches)
    with client.query_row_block_stream(sql) as blocks:
        assert 100_000 == sum(len(block) for block in blocks)
    assert client.raw_query(sql, fmt="Parquet").startswith(b"PAR1")


def test_clickhouse_connect_sees_errors_also_in_the_middle(client: Client) -> None:
    with pytest.raises(DatabaseError, match="READONLY"):
        client.command("DROP DATABASE asked")
    with pytest.raises(DatabaseError, match="395"):
        _ = client.query("SELECT throwIf(number = 3000000) FROM numbers(9000000)").result_rows

    assert 5 == client.command("SELECT 5")


@pytest.mark.skipif(find_spec("duckdb") is None or find_spec("duckdb_extension_httpfs") is None,
                    reason="DuckDB and its httpfs extension are not installed")
def test_duckdb_reads_a_query_as_a_parquet_file(served: Served) -> None:
    import duckdb  # noqa: PLC0415 - optional

    package = find_spec("duckdb_extension_httpfs")
    assert package is not None
    assert package.origin is not None
    (extension,) = Path(package.origin).parent.rglob("httpfs.duckdb_extension")
    sql = "SELECT number * 2 AS n FROM numbers(10)"
    with duckdb.connect() as database:
        database.execute(f"LOAD '{extension}'")
        found = database.execute("SELECT sum(n) FROM read_parquet(?)", [
            f"{served.url}/?default_format=parquet&query={quote(sql)}"])

        assert [(90,)] == found.fetchall()
