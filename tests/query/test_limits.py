"""No query takes the endpoint down, or more than its share."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from query.asking import Serve, Served, ask

ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"


@pytest.mark.parametrize(("sql", "code"), [
    ("SELECT groupArray(number) FROM numbers(10000000000)", "241"),
    ("SELECT repeat('a', 1000) FROM numbers(10000000) FORMAT JSON", "241"),
    ("SELECT range(100000000) FROM numbers(100)", "396"),
    ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", "306"),
    ("SELECT sleepEachRow(1) FROM numbers(1000)", "160"),
    ("SELECT 1" + " + 1" * 50_000, "167"),
    ("SELECT " + "(" * 5_000 + "1" + ")" * 5_000, "306"),
    ("SELECT 1 IN (" + "1, " * 400_000 + "1)", "381"),
])
def test_a_query_that_wants_too_much_fails_alone(served: Served, sql: str, code: str) -> None:
    answer = ask(served, body=sql.encode())

    # On a slow machine its time may be over first.
    assert answer.headers["x-clickhouse-exception-code"] in {code, "159"}
    assert b"1\n" == ask(served, "SELECT 1").body


def test_a_name_that_each_row_repeats_is_bounded(served: Served) -> None:
    sql = f"SELECT number AS `{'n' * 200_000}` FROM numbers(100000) FORMAT JSONEachRow"

    assert 500 == ask(served, body=sql.encode()).status


def test_a_streamed_result_is_bounded_in_bytes(serve: Serve) -> None:
    with serve(result_bytes=10_000_000) as served:
        answer = ask(served, "SELECT number FROM numbers(1000000000)")

    assert answer.broken
    assert len(answer.body) < 12_000_000
    assert b"396" in answer.body[-500:]


@pytest.mark.parametrize("sql", [ENDLESS, "SELECT count() FROM numbers(1e6) a, numbers(1e9) b"])
def test_a_query_ends_when_its_time_is_over(serve: Serve, sql: str) -> None:
    with serve(seconds=1.0) as served:
        started = time.monotonic()
        answer = ask(served, sql)

        assert (408, "159") == (answer.status, answer.headers["x-clickhouse-exception-code"])
        assert time.monotonic() - started < 9
        assert 0 == served.endpoint.counts.stuck


def test_a_shorter_time_can_be_asked_for_but_no_longer_one(serve: Serve) -> None:
    with serve(seconds=2.0) as served:
        assert b"1\n" == ask(served, "SELECT getSetting('max_execution_time')",
                             max_execution_time="1").body
        assert b"2\n" == ask(served, "SELECT getSetting('max_execution_time')",
                             max_execution_time="100").body


def test_a_query_is_stopped_when_its_client_goes_away(serve: Serve) -> None:
    with serve(seconds=30.0, concurrent=2) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
                           % len(ENDLESS) + ENDLESS.encode())
            _until(lambda: b"1\n" == _running(served))

        _until(lambda: b"0\n" == _running(served))
        assert 0 == served.endpoint.counts.stuck


def test_more_queries_than_may_wait_are_turned_away(serve: Serve) -> None:
    with serve(seconds=2.0, concurrent=1) as served, ThreadPoolExecutor(60) as clients:
        answers = list(clients.map(lambda _: ask(served, "SELECT sleep(0.2)"), range(50)))
        refused = [answer for answer in answers if answer.status == 503]

        assert {200, 503} == {answer.status for answer in answers}
        assert all("202" == answer.headers["x-clickhouse-exception-code"] for answer in refused)
        assert b"1\n" == ask(served, "SELECT 1").body


def test_a_client_that_does_not_read_makes_the_query_wait(serve: Serve) -> None:
    with serve(seconds=5.0, memory_bytes=400_000_000) as served, socket.create_connection(
            ("127.0.0.1", served.port)) as client:
        sql = b"SELECT repeat('a', 1000) FROM numbers(100000000)"
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
                       % len(sql) + sql)
        before = _resident()
        threading.Event().wait(1.0)

        assert _resident() - before < 1_000_000_000


def _running(served: Served) -> bytes:
    return ask(served, "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'"
                       " AND query NOT LIKE '%processes%'").body


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _resident() -> int:
    with open("/proc/self/statm") as numbers:  # noqa: PTH123 - not a file
        return int(numbers.read().split()[1]) * 4096
