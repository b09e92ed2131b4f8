"""A query as it comes by HTTP: text, parameters, settings, and who asks."""

import base64
import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

import lz4.frame
import zstandard

from tracker.query.failure import QueryFailed

MAX_SQL_BYTES: Final = 1 << 20
MAX_BODY_BYTES: Final = 2 << 20

_VALUE: Final = re.compile(r"[\w.,:;|+\- *@~^()\[\]!<>{}]{0,200}")
_ID: Final = re.compile(r"[\w.\-:]{1,100}")
_WORD: Final = re.compile(r"\w{1,100}")

_ALLOWED: Final = re.compile(
    r"""(output_format_(?!schema)\w+|format_csv_\w+|format_tsv_\w+|date_time_output_format
    |max_(rows|bytes)_(to_read|to_group_by|to_sort|in_set|in_join|in_distinct)
    |max_result_(rows|bytes)|(result|read|sort|group_by|set|join|distinct)_overflow_mode
    |limit|offset|extremes|final|session_timezone|join_use_nulls|group_by_use_nulls|transform_null_in
    |union_default_mode|intersect_default_mode|except_default_mode|prefer_column_name_to_alias
    |joined_subquery_requires_alias|aggregate_functions_null_for_empty
    |empty_result_for_aggregation_by_empty_set|count_distinct_implementation|cast_keep_nullable
    |join_algorithm|optimize_\w+|enable_\w+_optimizations?|use_index_for_in_with_subqueries
    |max_threads|max_block_size|max_execution_time|max_memory_usage|short_circuit_function_evaluation
    |use_uncompressed_cache|use_skip_indexes\w*|force_index_by_date|force_primary_key
    |formatdatetime_\w+|parsedatetime_\w+|cast_string_to_\w+|geo_distance_returns_float64_on_\w+)""",
    re.VERBOSE)


DATABASE = "sfpla"
"""Where plain names of tables are looked for, unless the request names another database."""


@dataclass(frozen=True, slots=True)
class Query:
    """One request that asks something of the engine.

    `query_id` is ours and of this query alone; `name` is what the client calls it.
    """

    sql: str
    params: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str = DATABASE
    default_format: str = "TabSeparated"
    query_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, as said in headers or the URL."""

    user: str
    password: str


Headers = Mapping[str, str]  # names in lower case


def arguments(query_string: bytes) -> dict[str, str]:
    """The URL's parameters; of a repeated one the last counts."""
    try:
        return dict(parse_qsl(query_string.decode("ascii"), keep_blank_values=True,
                              max_num_fields=1000, errors="strict"))
    except ValueError as error:
        raise QueryFailed(36, f"The URL's parameters cannot be read: {error}") from None


def credentials(headers: Headers, args: Mapping[str, str]) -> Credentials:
    """From X-ClickHouse-User and -Key, Basic authentication, or `user` and `password`."""
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return Credentials(headers.get("x-clickhouse-user", "default"),
                           headers.get("x-clickhouse-key", ""))
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:  # also what is no base64, no ASCII or no UTF-8
            raise QueryFailed(516, "Basic authentication cannot be read") from None
        return Credentials(user, password)
    return Credentials(args.get("user", "default"), args.get("password", ""))


def read_query(headers: Headers, args: Mapping[str, str], body: bytes, query_id: str) -> Query:
    """The query of a request; raises `QueryFailed` when it cannot be read."""
    if "multipart/" in headers.get("content-type", ""):
        raise QueryFailed(344, "Form data and external tables are not supported; send the query "
                               "as the body of the request")
    if args.get("compress", "0") not in {"0", "", "false"} or args.get("decompress", "0") == "1":
        raise QueryFailed(344, "ClickHouse's own compression is not supported: leave out "
                               "`compress` and `decompress`, or set them to 0")
    parts = [args.get("query", ""), _text(_decoded(headers.get("content-encoding", ""), body))]
    sql = "\n".join(part for part in parts if part)
    if not sql.strip():
        raise QueryFailed(62, "Empty query: give it as ?query=… or as the body of a POST")
    if len(sql.encode()) > MAX_SQL_BYTES:
        raise _too_large()
    default_format = (args.get("default_format") or headers.get("x-clickhouse-format")
                      or "TabSeparated")
    database = args.get("database") or headers.get("x-clickhouse-database") or DATABASE
    if not _WORD.fullmatch(database) or not _WORD.fullmatch(default_format):
        raise QueryFailed(36, "`database` and `default_format` must be plain names")
    return Query(sql, {key[6:]: value for key, value in args.items() if key.startswith("param_")},
                 settings(args), database, default_format, query_id)


def settings(args: Mapping[str, str]) -> dict[str, str]:
    """The settings that a reader may give; others are left out, as are values out of the usual."""
    return {name: value for name, value in args.items() if is_allowed(name, value)}


def is_allowed(name: str, value: str) -> bool:
    """Whether a reader may give this setting this value."""
    return bool(_ALLOWED.fullmatch(name) and _VALUE.fullmatch(value))


def checked_id(wanted: str, otherwise: str) -> str:
    """A query id that can stand in a header and in a setting."""
    return wanted if _ID.fullmatch(wanted) else otherwise


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise QueryFailed(62, "The query is not UTF-8 text; only statements are understood here, "
                              "not data") from None


def _decoded(coding: str, body: bytes) -> bytes:
    """The body without its Content-Encoding, bounded."""
    if not body:
        return body
    try:
        match coding.lower().strip():
            case "" | "identity":
                return body
            case "gzip" | "x-gzip":
                return _bounded(zlib.decompressobj(16 + zlib.MAX_WBITS), body)
            case "deflate":
                return _bounded(zlib.decompressobj(), body)
            case "lz4":
                return _short(lz4.frame.LZ4FrameDecompressor().decompress(
                    body, max_length=MAX_SQL_BYTES + 1))
            case "zstd":
                with zstandard.ZstdDecompressor().stream_reader(body) as reader:
                    return _short(reader.read(MAX_SQL_BYTES + 1))
    except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError, EOFError, RuntimeError) as error:
        raise QueryFailed(36, f"The body is not {coding}: {error}") from None
    raise QueryFailed(36, f"Content-Encoding {coding[:40]} is not supported: use gzip, deflate, "
                          "lz4 or zstd, or none")


def _bounded(decoder: "zlib._Decompress", body: bytes) -> bytes:
    return _short(decoder.decompress(body, MAX_SQL_BYTES + 1))


def _short(sql: bytes) -> bytes:
    if len(sql) > MAX_SQL_BYTES:
        raise _too_large()
    return sql


def _too_large() -> QueryFailed:
    return QueryFailed(381, f"The query is longer than {MAX_SQL_BYTES} bytes; shorten lists of "
                            "values, for example by a range or a join")
