"""The ways from a client to a tracker; each says which of its messages were not acknowledged."""

import contextlib
import http.client
import json
import urllib.parse
from collections.abc import Sequence
from typing import Any, Protocol

import lz4.block

from harness.sockets import BINARY, CLOSE, PING, PONG, TEXT, Socket, frame

Event = dict[str, Any]
Message = list[Event]
"""What is sent in one piece: a single event, or an array of them."""

ACCEPTED, AGAIN = 200, 503


class Way(Protocol):
    """Keeps its connection from message to message, and makes a new one after any failure."""

    def send(self, messages: Sequence[Message]) -> list[Message]:
        """Send each message once; gives those of which nobody knows that they are durable."""

    def close(self) -> None:
        """Hang up."""


class Posts:
    """POSTs of JSON, an answer before the next; `path` is that of the route."""

    def __init__(self, port: int, path: str = "/tr/v1/tr/") -> None:
        self._port = port
        self._path = path
        self._connection: http.client.HTTPConnection | None = None

    def send(self, messages: Sequence[Message]) -> list[Message]:
        """One request for each."""
        return [message for message in messages if not self._was_accepted(*self._request(message))]

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request(self, message: Message) -> tuple[str, str, bytes | None]:
        """Method, target and body."""
        return "POST", self._path, text(message)

    def _was_accepted(self, method: str, target: str, body: bytes | None) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            self._connection.request(method, target, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
            assert answer.status in {ACCEPTED, AGAIN}, (answer.status, target)
            return answer.status == ACCEPTED
        self.close()
        return False


class Links(Posts):
    """GETs of the pixel, with the one event of a message as pairs in the path."""

    def _request(self, message: Message) -> tuple[str, str, bytes | None]:
        (event,) = message
        plain = {**event, **event["params"]}
        del plain["params"]
        pairs = (urllib.parse.quote(str(word), safe="") for pair in plain.items() for word in pair)
        return "GET", f"/tr/v1/img/{'/'.join(pairs)}", None


class Messages:
    """Messages of a WebSocket, sent at once; then waits until all are acknowledged, by count."""

    def __init__(self, port: int, *, packed: bool) -> None:
        self._port = port
        self._packed = packed
        self._socket: Socket | None = None
        self._number = 0  # of the last message on this connection

    def send(self, messages: Sequence[Message]) -> list[Message]:
        """One message for each."""
        socket = self._opened()
        if socket is None:
            return list(messages)
        waiting = dict(enumerate(messages, self._number + 1))
        self._number += len(messages)
        refused: list[Message] = []
        with contextlib.suppress(OSError, EOFError):
            socket.send(b"".join(map(self._frame, messages)))
            while waiting:
                opcode, data = socket.frame()
                if opcode == CLOSE:
                    break
                if opcode == PING:
                    socket.send(frame(data, PONG))
                elif opcode == TEXT:
                    refused += _settled(json.loads(data), waiting)
        if waiting:
            self.close()
        return [*refused, *waiting.values()]

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> Socket | None:
        if self._socket is None:
            with contextlib.suppress(OSError, IndexError):  # it hung up before it said a word
                self._socket, self._number = Socket(self._port), 0
                assert self._socket.status in {101, AGAIN}, self._socket.body
                if self._socket.status == AGAIN:
                    self.close()
        return self._socket

    def _frame(self, message: Message) -> bytes:
        if self._packed:
            return frame(lz4.block.compress(text(message)), BINARY)
        return frame(text(message))


def _settled(told: dict[str, Any], waiting: dict[int, Message]) -> list[Message]:
    """Take away from `waiting` what is acknowledged; gives what is to be sent again."""
    for error in told["errors"]:
        assert error["code"] == "unavailable", error
    again = [waiting[error["n"]] for error in told["errors"]]
    for number in [number for number in waiting if number <= told["ack"]]:
        del waiting[number]
    return again


def text(message: Message) -> bytes:
    """A message as JSON: a single event by itself, else an array."""
    return json.dumps(message[0] if len(message) == 1 else message).encode()
