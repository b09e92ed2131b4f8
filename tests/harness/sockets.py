"""A WebSocket client that sends frames as it is told, right ones and wrong ones."""

import contextlib
import json
import os
import socket
import ssl
import struct
import time
from typing import Any, NamedTuple, Self

from websockets.speedups import apply_mask

PATIENCE = 15.0
TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
FIELDS = ("Host: tracker.test", "Connection: keep-alive, Upgrade", "Upgrade: websocket",
          "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}")


class Told(NamedTuple):
    """What a client knows of its messages: so many are durable, but those with errors."""

    ack: int
    errors: list[dict[str, Any]]

    @property
    def codes(self) -> list[tuple[int, str]]:
        """Number and code of each error."""
        return [(error["n"], error["code"]) for error in self.errors]


def frame(data: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0, masked: bool = True,
          length: int | None = None) -> bytes:
    """One frame (RFC 6455, 5.2); `length` is what it says of itself where that is a lie."""
    size = len(data) if length is None else length
    mask = 128 if masked else 0
    if size < 126:
        head = struct.pack("!BB", fin << 7 | rsv << 4 | opcode, mask | size)
    elif size < 65536:
        head = struct.pack("!BBH", fin << 7 | rsv << 4 | opcode, mask | 126, size)
    else:
        head = struct.pack("!BBQ", fin << 7 | rsv << 4 | opcode, mask | 127, size)
    if not masked:
        return head + data
    key = os.urandom(4)
    return head + key + apply_mask(data, key)


class Socket:
    """One WebSocket, or what came instead of one."""

    def __init__(self, port: int, *fields: str, target: str = "/tr/v1/ws",
                 behind: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
        self._file = self.socket.makefile("rb")
        lines = [f"GET {target} HTTP/1.1", *(fields if "Upgrade: websocket" in fields
                                             else (*FIELDS, *fields)), "", ""]
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        try:
            self.socket.sendall("\r\n".join(lines).encode() + behind)
            self._read_answer()
        except BaseException:
            self.close()
            raise

    def _read_answer(self) -> None:
        self.status = int(self._file.readline().split()[1])
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers.append((name.lower(), value.strip()))
        if self.status != 101:
            self.body = self._file.read(int(dict(self.headers)["content-length"]))

    @property
    def cookies(self) -> dict[str, str]:
        """Those that the answer sets."""
        found = [value.partition(";")[0].partition("=") for name, value in self.headers
                 if name == "set-cookie"]
        return {name: value for name, _, value in found}

    def send(self, *data: bytes) -> None:
        """Send bytes, each in a packet of its own."""
        for piece in data:
            self.socket.sendall(piece)

    def say(self, *events: object) -> None:
        """Send a text message for each event."""
        self.socket.sendall(b"".join(frame(json.dumps(event).encode()) for event in events))

    def frame(self) -> tuple[int, bytes]:
        """Opcode and data of the next frame; it must be whole, and not masked."""
        first, second = self._exactly(2)
        assert first & 0x70 == 0
        assert second < 128
        size = second
        if size == 126:
            size = int.from_bytes(self._exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(self._exactly(8), "big")
        return first & 15, self._exactly(size)

    def told(self, ack: int) -> Told:
        """What was said up to the acknowledgement of message `ack`."""
        errors: list[dict[str, Any]] = []
        before = -1
        while True:
            opcode, data = self.frame()
            assert TEXT == opcode, (opcode, data)
            said = json.loads(data)
            assert {"ack", "errors"} == set(said)
            assert before < said["ack"] <= ack, said["ack"]
            before = said["ack"]
            errors += said["errors"]
            if before == ack:
                return Told(ack, errors)

    def closed(self) -> tuple[int, str]:
        """Code and reason of the close frame, which is the last; acknowledgements may stand before.

        0 is none: the other side has hung up.
        """
        while True:
            try:
                opcode, data = self.frame()
            except EOFError:
                return 0, ""
            if opcode == CLOSE:
                break
            assert opcode in {TEXT, PING, PONG}
        with contextlib.suppress(OSError):
            self.socket.sendall(frame(data[:2], CLOSE))
        self.socket.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            assert b"" == self._file.read(1)
        return int.from_bytes(data[:2], "big"), data[2:].decode()

    def close(self) -> None:
        """Hang up without a word."""
        self._file.close()
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except ConnectionError:
            data = b""
        if len(data) < size:
            raise EOFError
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def drip(opened: Socket, data: bytes, seconds: float) -> None:
    """Send byte by byte for so long, or until the other side says something."""
    until = time.monotonic() + seconds
    opened.socket.settimeout(0.05)
    for at in range(len(data)):
        opened.send(data[at:at + 1])
        with contextlib.suppress(TimeoutError):
            if opened.socket.recv(1, socket.MSG_PEEK):
                break
        assert time.monotonic() < until
    opened.socket.settimeout(PATIENCE)
