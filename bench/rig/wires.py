"""How a message and its answer look on the wire of servers that speak no HTTP."""

import json
import socket
from collections.abc import Callable
from typing import Any, Protocol

STREAM = "EVENTS"
SUBJECT = "events"
_INBOX = "_INBOX.bench"


class Wire(Protocol):
    """What the client needs to know of a protocol.

    `end`      closes each answer
    `refusal`  is in an answer to a message that was not taken
    """

    end: bytes
    refusal: bytes

    def greet(self, connection: socket.socket) -> None:
        """Whatever comes before the first message, answers awaited."""
        ...

    def frame(self, number: int) -> bytes:
        """Message `number` of a connection, from 1 on."""
        ...


class Nats:
    """A publish to JetStream: a message with a place for the answer, which names its number."""

    end = b"}\r\n"
    refusal = b'"error"'

    def __init__(self, body: bytes) -> None:
        self._frame = b"PUB %b %b.ack %d\r\n%b\r\n" % (
            SUBJECT.encode(), _INBOX.encode(), len(body), body)

    def greet(self, connection: socket.socket) -> None:
        """Each connection hears only of its own messages: its inbox has a name of its own."""
        inbox = f"{_INBOX}.{connection.fileno()}.{connection.getsockname()[1]}"
        self._frame = self._frame.replace(f"{_INBOX}.ack".encode(), f"{inbox}.ack".encode())
        connection.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n'
                           b"SUB %b.> 1\r\nPING\r\n" % inbox.encode())
        until(connection, b"PONG\r\n")

    def frame(self, number: int) -> bytes:
        """The same each time."""
        del number
        return self._frame


class Relp:
    """rsyslog's protocol with acknowledgements: a number, a command, a length, the data."""

    end = b"\n"
    refusal = b" 500 "
    _OFFERS = b"relp_version=0\nrelp_software=bench\ncommands=syslog"

    def __init__(self, body: bytes) -> None:
        message = b"<13>1 2026-01-01T00:00:00Z localhost bench - - - " + body
        self._rest = b" syslog %d %b\n" % (len(message), message)

    def greet(self, connection: socket.socket) -> None:
        """A session is opened by the first transaction."""
        connection.sendall(b"1 open %d %b\n" % (len(self._OFFERS), self._OFFERS))
        until(connection, b"commands=")

    def frame(self, number: int) -> bytes:
        """Transactions are numbered; the first one opened the session."""
        return b"%d%b" % (number + 1, self._rest)


WIRES: dict[str, Callable[[bytes], Wire]] = {"nats": Nats, "relp": Relp}


def until(connection: socket.socket, token: bytes) -> bytes:
    """Read until `token` has come; all that came."""
    came = b""
    while token not in came:
        chunk = connection.recv(1 << 16)
        if not chunk:
            raise ConnectionError(f"closed before {token!r} came: {came[:300]!r}")
        came += chunk
    return came


def ask_nats(port: int, what: str, request: dict[str, Any]) -> dict[str, Any]:
    """One request to JetStream's own interface, as `STREAM.CREATE.EVENTS`; its answer."""
    body = json.dumps(request).encode()
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        until(connection, b"\r\n")  # it introduces itself
        connection.sendall(
            b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB %b 1\r\nPUB $JS.API.%b %b %d\r\n'
            b"%b\r\n" % (_INBOX.encode(), what.encode(), _INBOX.encode(), len(body), body))
        came = until(connection, b"}\r\n")
    answer: dict[str, Any] = json.loads(came[came.index(b"MSG "):].partition(b"\r\n")[2])
    if "error" in answer:
        raise ConnectionError(f"JetStream: {answer['error']}")
    return answer
