"""How the supervisor starts its processes: settings by standard input, which is also the lifeline.

The supervisor keeps the other end open; when it dies, however it dies, its children read the end
of the file and stop.
"""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from tracker.settings import Listener, Settings

LIFELINE = 0

_LARGE_BYTES = 64 << 10
"""Memory of this size and above is asked of the system each time, and given back."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one child is to be: worker `index`, or the store process when it is None."""

    settings: Settings
    index: int | None
    listeners: tuple[tuple[Listener, int], ...]  # with the descriptors of their sockets
    query: int | None  # descriptor of the query endpoint's socket


def start(task: Task, keep: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a child; the descriptors in `keep` stay open in it under the same numbers."""
    descriptors = [*keep, *(descriptor for _, descriptor in task.listeners)]
    if task.query is not None:
        descriptors.append(task.query)
    child = subprocess.Popen(
        [sys.executable, "-c", "from tracker.child import main; main()"],
        stdin=subprocess.PIPE, pass_fds=descriptors, env=_environment(task),
        start_new_session=True)  # so that Ctrl-C reaches the supervisor alone
    if child.stdin is None:
        raise AssertionError
    content = pickle.dumps(task)
    with contextlib.suppress(BrokenPipeError):  # it died at once, which its end will tell
        child.stdin.write(len(content).to_bytes(8, "big") + content)
        child.stdin.flush()
    return child


def _environment(task: Task) -> dict[str, str]:
    """A worker gives large bodies back to the system at once, where glibc would keep the room."""
    own = {} if task.index is None else {"MALLOC_MMAP_THRESHOLD_": str(_LARGE_BYTES)}
    return {**own, **os.environ}


def main() -> None:
    """Be what the supervisor asks for."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    task = _read(sys.stdin.buffer)
    sockets = [(listener, socket.socket(fileno=descriptor))
               for listener, descriptor in task.listeners]
    if task.index is None:
        from tracker import landing  # noqa: PLC0415 - a worker must not load the engine
        query = socket.socket(fileno=task.query) if task.query is not None else None
        landing.run(task.settings, query, LIFELINE)
    else:
        from tracker import edge  # noqa: PLC0415 - nor the store process the door
        edge.run(task.settings, task.index, sockets, LIFELINE)


def _read(source: BinaryIO) -> Task:
    """Read the task and nothing behind it; the pipe carries no more."""
    descriptor = source.fileno()
    size = int.from_bytes(_exactly(descriptor, 8), "big")
    task = pickle.loads(_exactly(descriptor, size))  # noqa: S301 - our parent wrote it
    assert isinstance(task, Task)
    return task


def _exactly(descriptor: int, size: int) -> bytes:
    content = b""
    while len(content) < size:
        more = os.read(descriptor, size - len(content))
        if not more:
            raise SystemExit("the supervisor went away")
        content += more
    return content

