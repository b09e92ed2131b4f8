"""A load of WebSockets: many messages on their way on each connection, acknowledged by count.

Frames are made once and sent many together, so that the load takes little of a core. Runs as a
process of its own: `drive`, or

    python -m bench.rig.sockets text|lz4 PORT SECONDS CONNECTIONS BODY-FILE
"""

import json
import re
import select
import socket
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import lz4.block
from websockets.frames import Frame, Opcode

from bench.rig.figures import percentile
from bench.rig.window import run_module
from bench.rig.wrk import LoadFailed, Outcome

TOGETHER = 100
"""Messages that are sent at once."""

WINDOW = 4
"""How many times so many may be on their way on one connection."""

_PATIENCE_SECONDS = 10.0
_CHUNK = 64 << 10
_HANDSHAKE = (b"GET /tr/v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
              b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
_ACK = re.compile(rb'\{"ack":(\d+),"errors":\[([^\]]?)')


def frames(kind: str, body: bytes) -> bytes:
    """So many messages of one body as go out together, each masked anew."""
    packed = kind == "lz4"
    data = lz4.block.compress(body) if packed else body
    frame = Frame(Opcode.BINARY if packed else Opcode.TEXT, data)
    return b"".join(frame.serialize(mask=True) for _ in range(TOGETHER))


class _Connection:
    def __init__(self, port: int, data: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(_HANDSHAKE)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(_CHUNK)
        if not answer.startswith(b"HTTP/1.1 101 "):
            raise LoadFailed(f"no WebSocket: {answer[:300]!r}")
        self._data = data
        self._rest = b""
        self._sent: list[float] = []  # when each lot began that is not acknowledged yet
        self.lots = 0
        self.acknowledged = 0

    def fill(self) -> None:
        """Send until as many are on their way as may be."""
        while len(self._sent) < WINDOW:
            self._sent.append(time.perf_counter())
            self.lots += 1
            self.socket.sendall(self._data)

    def take(self, latencies: "array[float]") -> None:
        """Read what is acknowledged."""
        came = self.socket.recv(_CHUNK)
        if not came:
            raise LoadFailed("the server closed a connection")
        text = self._rest + came
        last = None
        for last in _ACK.finditer(text):
            if last[2]:
                raise LoadFailed(f"the server refused: {text[last.start():][:300]!r}")
            self.acknowledged = int(last[1])
        self._rest = text[last.end() if last else 0:]
        now = time.perf_counter()
        while self._sent and (self.lots - len(self._sent) + 1) * TOGETHER <= self.acknowledged:
            latencies.append(now - self._sent.pop(0))

    @property
    def is_done(self) -> bool:
        """Whether nothing is on its way."""
        return not self._sent


def run(kind: str, port: int, seconds: float, connections: int, body: bytes) -> Outcome:
    """Send for so long, then wait for what is on its way; that counts, and its time too."""
    data = frames(kind, body)
    of = {}
    poll = select.epoll()
    for _ in range(connections):
        connection = _Connection(port, data)
        of[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
    latencies = array("d")
    start = time.perf_counter()
    for connection in of.values():
        connection.fill()
    while not all(connection.is_done for connection in of.values()):
        if time.perf_counter() - start > seconds + _PATIENCE_SECONDS:
            raise LoadFailed("messages were not acknowledged")
        for descriptor, _ in poll.poll(0.1):
            of[descriptor].take(latencies)
            if time.perf_counter() - start < seconds:
                of[descriptor].fill()
    took = time.perf_counter() - start
    poll.close()
    for connection in of.values():
        connection.socket.close()
    return Outcome(sum(connection.acknowledged for connection in of.values()), took, 0, 0,
                   percentile(latencies, 0.5), percentile(latencies, 0.99), max(latencies))


def drive(kind: str, port: int, seconds: float, connections: int, body: Path,
          cores: Sequence[int] = ()) -> Outcome:
    """Run the load to its end, on `cores` when any are named."""
    return run_module("bench.rig.sockets", (kind, str(port), str(seconds), str(connections),
                                            str(body)), seconds, cores)


def main(arguments: Sequence[str]) -> None:
    """Run once and print the outcome as JSON."""
    kind, port, seconds, connections, body = arguments
    outcome = run(kind, int(port), float(seconds), int(connections), Path(body).read_bytes())
    sys.stdout.write(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(sys.argv[1:])
