"""Requests are read as ClickHouse reads them, within bounds."""

import base64
import gzip

import lz4.frame
import pytest
import zstandard

from tracker.query.failure import QueryFailed, from_engine
from tracker.query.protocol import (
    MAX_SQL_BYTES,
    Credentials,
    arguments,
    checked_id,
    credentials,
    read_query,
    settings,
)


@pytest.mark.parametrize(("coding", "body"), [
    ("", b"SELECT 1"),
    ("gzip", gzip.compress(b"SELECT 1")),
    ("lz4", lz4.frame.compress(b"SELECT 1")),
    ("zstd", zstandard.compress(b"SELECT 1")),
])
def test_a_coded_body_is_decoded(coding: str, body: bytes) -> None:
    assert "SELECT 1" == read_query({"content-encoding": coding}, {}, body, "id").sql


@pytest.mark.parametrize(("coding", "body"), [
    ("gzip", gzip.compress(bytes(64 << 20))),
    ("lz4", lz4.frame.compress(bytes(64 << 20))),
    ("zstd", zstandard.compress(bytes(64 << 20))),
    ("", b" " * MAX_SQL_BYTES + b"1"),
])
def test_a_body_that_grows_beyond_the_bound_is_refused(coding: str, body: bytes) -> None:
    with pytest.raises(QueryFailed) as refused:
        read_query({"content-encoding": coding}, {}, body, "id")

    assert refused.value.code in {381, 62}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "lz4", "zstd", "br"])
def test_a_body_in_no_coding_we_know_is_refused(coding: str) -> None:
    with pytest.raises(QueryFailed):
        read_query({"content-encoding": coding}, {}, b"\x00garbage", "id")


def test_the_query_in_the_url_stands_before_the_body() -> None:
    assert "SELECT\n1" == read_query({}, {"query": "SELECT"}, b"1", "id").sql


def test_parameters_and_database_and_format_are_read() -> None:
    args = arguments(b"query=SELECT+1&param_a=1&param_b=x%20y&database=asked&default_format=CSV")
    query = read_query({}, args, b"", "id")

    assert {"a": "1", "b": "x y"} == query.params
    assert ("asked", "CSV") == (query.database, query.default_format)


@pytest.mark.parametrize("args", [
    {"query": " "}, {"query": "SELECT 1", "database": "a&readonly=0"},
    {"query": "SELECT 1", "default_format": "a b"}, {"query": "SELECT 1", "compress": "1"},
])
def test_what_cannot_be_understood_is_refused(args: dict[str, str]) -> None:
    with pytest.raises(QueryFailed):
        read_query({}, args, b"", "id")


@pytest.mark.parametrize(("name", "value", "kept"), [
    ("max_execution_time", "5", True),
    ("output_format_json_quote_64bit_integers", "1", True),
    ("format_csv_delimiter", "|", True),
    ("session_timezone", "Europe-Berlin", True),
    ("readonly", "0", False),
    ("output_format_schema", "x", False),
    ("format_schema", "x", False),
    ("allow_ddl", "1", False),
    ("additional_table_filters", "{}", False),
    ("max_threads", "2&readonly=0", False),
    ("max_threads", "2%26readonly=0", False),
    ("wait_end_of_query", "1", False),
])
def test_only_settings_of_the_list_are_kept(name: str, value: str, kept: bool) -> None:
    assert kept == (name in settings({name: value}))


@pytest.mark.parametrize(("headers", "args", "expected"), [
    ({}, {}, ("default", "")),
    ({}, {"user": "default", "password": "p"}, ("default", "p")),
    ({"x-clickhouse-user": "default", "x-clickhouse-key": "p"}, {}, ("default", "p")),
    ({"authorization": "Basic " + base64.b64encode(b"default:p:q").decode()}, {},
     ("default", "p:q")),
])
def test_credentials_come_in_three_ways(headers: dict[str, str], args: dict[str, str],
                                        expected: tuple[str, str]) -> None:
    assert Credentials(*expected) == credentials(headers, args)


@pytest.mark.parametrize("encoded", ["é", "a", "/w==", "a b"])
def test_credentials_that_cannot_be_read_are_refused(encoded: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        credentials({"authorization": f"Basic {encoded}"}, {})
    assert 401 == refused.value.status


def test_a_query_id_that_cannot_stand_in_a_header_is_replaced() -> None:
    assert "own" == checked_id("a\r\nb: c", "own")
    assert "a-1" == checked_id("a-1", "own")


def test_the_engines_error_is_told_once() -> None:
    error = RuntimeError("Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown format x."
                         " (UNKNOWN_FORMAT) (version 26.9.2.1). (UNKNOWN_FORMAT)")

    failure = from_engine(error)

    assert "Code: 73. DB::Exception: Unknown format x. (UNKNOWN_FORMAT)\n" == failure.text
    assert 404 == failure.status
