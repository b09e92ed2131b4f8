"""The endpoint speaks ClickHouse's HTTP protocol."""

import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from tests.query.conftest import Served


def ask(served: Served, sql: str = "", *, body: bytes | None = None,
        headers: dict[str, str] | None = None, method: str | None = None,
        **args: str) -> tuple[int, dict[str, str], bytes]:
    query = urlencode({**({"query": sql} if sql else {}), **args})
    request = urllib.request.Request(f"{served.url}/?{query}", data=body, headers=headers or {},
                                     method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def test_a_query_in_the_url_is_answered_with_tabs(served: Served) -> None:
    status, headers, body = ask(
        served, "SELECT ename, params.go FROM sfpla.events WHERE params.go = 6")

    assert (200, b"a\t6\n") == (status, body)
    assert "TabSeparated" == headers["x-clickhouse-format"]


def test_a_query_in_the_body_is_answered(served: Served) -> None:
    assert b"6\n" == ask(served, body=b"SELECT 1 + 5")[2]


@pytest.mark.parametrize(("sql", "code", "status"), [
    ("SELEC 1", "62", 400),
    ("SELECT * FROM sfpla.nothing", "60", 404),
    ("SELECT nothing FROM sfpla.events", "47", 404),
    ("INSERT INTO sfpla.events (ename) VALUES ('x')", "164", 403),
    ("DROP DATABASE sfpla", "164", 403),
    ("SELECT file('/etc/hostname')", "497", 403),
])
def test_errors_are_told_as_clickhouse_tells_them(served: Served, sql: str, code: str,
                                                  status: int) -> None:
    answered, headers, body = ask(served, sql)

    assert (status, code) == (answered, headers["x-clickhouse-exception-code"])
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())
