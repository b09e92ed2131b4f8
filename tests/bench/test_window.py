"""The load for servers that speak no HTTP: one message each on its way, and every answer judged."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from bench.rig.window import Client
from bench.rig.wires import Nats, Relp
from bench.rig.wrk import LoadFailed

BODY = b'{"ename":"load"}'


@contextmanager
def serving(talk: Callable[[socket.socket], None], connections: int) -> Iterator[int]:
    """A server on a port of its own with a thread for each connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def each() -> None:
        connection, _ = listening.accept()
        with connection:
            talk(connection)

    threads = [threading.Thread(target=each, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    yield int(listening.getsockname()[1])
    for thread in threads:
        thread.join(10)
    listening.close()


class Jetstream:
    """Answers as JetStream does, in two pieces, asks for life behind them, keeps what it got."""

    def __init__(self, answer: str = '{"stream":"EVENTS","seq":1}') -> None:
        self.got: list[bytes] = []
        self._answer = answer.encode()

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(b"INFO {}\r\n")
        with connection.makefile("rb") as lines:
            while not (line := lines.readline()).startswith(b"PING"):
                assert line
            connection.sendall(b"PONG\r\n")
            while line := lines.readline():
                _, _, inbox, length = line.split()
                self.got.append(lines.read(int(length) + 2))
                answer = b"MSG %b 1 %d\r\n%b\r\n" % (inbox, len(self._answer), self._answer)
                connection.sendall(answer[:20])
                connection.sendall(answer[20:] + b"PING\r\n")


def test_each_message_waits_for_the_answer_to_the_last_one() -> None:
    server = Jetstream()
    with serving(server, 2) as port:
        client = Client(partial(Nats, BODY), port, 2)
        outcome = client.run(0.2)
        client.close()

    assert outcome.requests == len(server.got) > 2
    assert {BODY + b"\r\n"} == set(server.got)
    assert 0 < outcome.p50 <= outcome.p99 <= outcome.most


def test_a_refusal_ends_the_run_and_is_told() -> None:
    with serving(Jetstream('{"error":{"code":503,"description":"no space"},"seq":0}'), 1) as port:
        client = Client(partial(Nats, BODY), port, 1)
        try:
            with pytest.raises(LoadFailed, match="no space"):
                client.run(0.2)
        finally:
            client.close()


def test_a_server_that_hangs_up_is_a_failure() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"1 rsp 20 200 OK\ncommands=syslog\n")
        connection.recv(1 << 16)

    with serving(hang_up, 1) as port:
        client = Client(partial(Relp, BODY), port, 1)
        try:
            with pytest.raises((LoadFailed, ConnectionError)):
                client.run(0.2)
        finally:
            client.close()


def test_relp_numbers_its_messages_after_the_one_that_opened_the_session() -> None:
    wire = Relp(BODY)
    number, command, length, rest = wire.frame(1).split(b" ", 3)

    assert (b"2", b"syslog") == (number, command)
    assert int(length) == len(rest) - 1
    assert rest.endswith(BODY + b"\n")


def test_a_publish_says_how_long_its_body_is() -> None:
    head, _, rest = Nats(BODY).frame(1).partition(b"\r\n")

    assert len(BODY) == int(head.split()[-1])
    assert json.loads(BODY) == json.loads(rest)
