"""A load for servers that speak no HTTP: connections with one message each on its way.

What wrk is for HTTP: each connection sends its next message when the last one was acknowledged.
Runs as a process of its own: `drive`, or

    python -m bench.rig.window WIRE PORT SECONDS CONNECTIONS BODY-FILE
"""

import json
import select
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench.rig.figures import percentile
from bench.rig.procs import held, on_cores
from bench.rig.wires import WIRES, Wire
from bench.rig.wrk import LoadFailed, Outcome

_PATIENCE_SECONDS = 10.0
_CHUNK = 64 << 10


class _Connection:
    """One connection, and what of an acknowledgement has come in pieces."""

    def __init__(self, port: int, wire: Wire) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = wire
        wire.greet(self.socket)
        self._sent = 0
        self._rest = b""
        self.began = 0.0

    def send(self) -> None:
        """The next message."""
        self._sent += 1
        self.began = time.perf_counter()
        self.socket.sendall(self._wire.frame(self._sent))

    def acknowledged(self) -> bool:
        """Take what has come; whether it completes an acknowledgement."""
        came = self.socket.recv(_CHUNK)
        if not came:
            raise LoadFailed("the server closed a connection")
        self._rest += came
        answer, end, rest = self._rest.partition(self._wire.end)
        if not end:
            return False
        if self._wire.refusal in answer:
            raise LoadFailed(f"the server refused: {answer[:300]!r}")
        self._rest = rest  # such as a greeting that wants no answer within minutes
        return True


class Client:
    """Keeps `connections` busy."""

    def __init__(self, wire: Callable[[], Wire], port: int, connections: int) -> None:
        self._of = {}
        self._poll = select.epoll()
        for _ in range(connections):
            connection = _Connection(port, wire())
            self._of[connection.socket.fileno()] = connection
            self._poll.register(connection.socket, select.EPOLLIN)

    def run(self, seconds: float) -> Outcome:
        """Send for so long, then wait for what is on its way; that counts, and its time too."""
        latencies = array("d")
        start = time.perf_counter()
        open_ = len(self._of)
        for connection in self._of.values():
            connection.send()
        while open_:
            now = time.perf_counter()
            if now - start > seconds + _PATIENCE_SECONDS:
                raise LoadFailed(f"{open_} messages were not acknowledged")
            for descriptor, _ in self._poll.poll(0.1):
                connection = self._of[descriptor]
                if connection.acknowledged():
                    now = time.perf_counter()
                    latencies.append(now - connection.began)
                    if now - start < seconds:
                        connection.send()
                    else:
                        open_ -= 1
        return Outcome(len(latencies), time.perf_counter() - start, 0, 0,
                       percentile(latencies, 0.5), percentile(latencies, 0.99), max(latencies))

    def close(self) -> None:
        """Close all connections."""
        self._poll.close()
        for connection in self._of.values():
            connection.socket.close()


def drive(wire: str, port: int, seconds: float, connections: int, body: Path,
          cores: Sequence[int] = ()) -> Outcome:
    """Run the client to its end, on `cores` when any are named."""
    return run_module("bench.rig.window", (wire, str(port), str(seconds), str(connections),
                                           str(body)), seconds, cores)


def run_module(module: str, arguments: Sequence[str], seconds: float, cores: Sequence[int],
               ) -> Outcome:
    """A module of the benchmark as a process that prints its outcome as JSON."""
    with on_cores(cores):
        child = subprocess.Popen([sys.executable, "-m", module, *arguments], text=True,
                                 cwd=Path(__file__).parents[2], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
    with held(child):
        try:
            printed, said = child.communicate(timeout=seconds + 3 * _PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise LoadFailed(f"{module} did not end") from None
    if child.returncode:
        last = said.strip().rpartition("\n")[2][-500:]
        raise LoadFailed(f"{module} ended with {child.returncode}: {last}")
    return Outcome(**json.loads(printed))


def main(arguments: Sequence[str]) -> None:
    """Run once and print the outcome as JSON."""
    wire, port, seconds, connections, body = arguments
    made = partial(WIRES[wire], Path(body).read_bytes())
    client = Client(made, int(port), int(connections))
    try:
        outcome = client.run(float(seconds))
    finally:
        client.close()
    sys.stdout.write(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(sys.argv[1:])
