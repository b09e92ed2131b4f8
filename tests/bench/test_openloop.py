"""The load of a fixed rate: when requests are due, and from when they are timed."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rig.openloop import Client, Schedule

STALL = 0.25
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_requests_are_due_at_even_gaps_from_the_start_on() -> None:
    assert [0.0, 0.5, 1.0] == Schedule(2, 10).due(1.2)


def test_each_moment_is_given_once() -> None:
    schedule = Schedule(10, 10)
    schedule.due(0.25)

    assert [] == schedule.due(0.29)
    assert [pytest.approx(0.3)] == schedule.due(0.31)


def test_a_late_look_gets_all_that_was_missed() -> None:
    schedule = Schedule(100, 1)
    schedule.due(0.0)

    assert 50 == len(schedule.due(0.5))


def test_a_schedule_is_over_after_its_last_request() -> None:
    schedule = Schedule(100, 0.5)

    assert 50 == len(schedule.due(99.0))
    assert schedule.over


@given(st.floats(min_value=0.5, max_value=50_000), st.floats(min_value=0.1, max_value=2),
       st.lists(st.floats(min_value=0, max_value=3)))
def test_no_request_is_early_lost_or_repeated(
        rate: float, seconds: float, looks: list[float]) -> None:
    schedule, given_out = Schedule(rate, seconds), []
    for now in sorted(looks):
        due = schedule.due(now)
        assert all(moment <= now + 1e-6 for moment in due)
        given_out += due
    given_out += schedule.due(1e9)

    assert round(rate * seconds) == len(given_out)
    assert sorted(set(given_out)) == given_out


@pytest.fixture
def stalling() -> Iterator[int]:
    """A server for one connection that stands still once, at its first request."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            first = True
            while connection.recv(65536):
                if first:
                    time.sleep(STALL)
                    first = False
                connection.sendall(ANSWER)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    thread.join(5)
    listening.close()


def test_what_was_due_while_the_server_stood_still_counts_its_wait(stalling: int) -> None:
    client = Client("127.0.0.1", stalling, connections=1, request=REQUEST)
    answers = client.run(rate=100, seconds=0.5)
    client.close()

    assert 50 == answers.requests
    assert 0 == answers.failed + answers.unanswered
    assert STALL <= answers.most
    # Requests due each 10 ms of the stall wait for 250, 240, 230 … ms: half of them all wait long.
    assert answers.p90 > STALL / 2


def test_a_server_that_hangs_up_is_an_error() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    client = Client("127.0.0.1", listening.getsockname()[1], connections=1, request=REQUEST)
    listening.accept()[0].close()
    try:
        with pytest.raises(OSError, match=r"closed|reset|Broken"):
            client.run(rate=10, seconds=0.5)
    finally:
        client.close()
        listening.close()
