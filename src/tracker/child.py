"""How the supervisor starts its processes: settings by standard input, which is also the lifeline.

The supervisor keeps the other end open; when it dies, however it dies, its children read the end
of the file and stop.
"""

import contextlib
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from tracker.confinement import confine
from tracker.machine import die_first, let_sessions_pass, step_back
from tracker.ownlogs.teller import tell
from tracker.places import Places
from tracker.settings import Listener, Settings

LIFELINE = 0

Role = Literal["edge", "store", "query"]

_LARGE_BYTES = 64 << 10
"""Memory of this size and above is asked of the system each time, and given back."""

_STORE_NICENESS = 5
_QUERY_NICENESS = 10
"""A third of the store process's share: who asks without a pause else takes half of it, and events
land late; with much less, answers to queries do not come.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What one child is to be: worker `index`, or what `role` says when it is None."""

    settings: Settings
    role: Role
    index: int | None = None
    listeners: tuple[tuple[Listener, int], ...] = ()  # with the descriptors of their sockets
    socket: int | None = None  # the query port's, or the store process's where queries ask it
    calls: int | None = None  # the store process's where the registry's writer takes calls
    telling: int | None = None  # the pipe of those who keep warnings

    @property
    def name(self) -> str:
        """As it is called in files and logs."""
        return self.role if self.index is None else f"w{self.index}"


def start(task: Task, keep: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a child; the descriptors in `keep` stay open in it under the same numbers."""
    descriptors = [*keep, *(descriptor for _, descriptor in task.listeners)]
    descriptors += [own for own in (task.socket, task.calls, task.telling) if own is not None]
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", "from tracker.child import main; main()"],
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
    own = {} if task.role != "edge" else {"MALLOC_MMAP_THRESHOLD_": str(_LARGE_BYTES)}
    return {**own, **os.environ}


def main() -> None:
    """Be what the supervisor asks for."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    task = _read(sys.stdin.buffer)
    sockets = [(listener, socket.socket(fileno=descriptor))
               for listener, descriptor in task.listeners]
    own = _socket(task.socket)
    if task.telling is not None and task.settings.own_logs is not None:
        tell(task.telling, task.name, task.settings.own_logs)
    if task.index is not None:
        from tracker import edge  # noqa: PLC0415 - no other process needs the door
        edge.run(task.settings, task.index, sockets, LIFELINE)
    elif task.role == "query" and own is not None:
        die_first()  # here, as what is confined cannot write to /proc
        step_back(_QUERY_NICENESS)
        let_sessions_pass(_QUERY_NICENESS - _STORE_NICENESS)
        confined = _confine(task.settings)
        from tracker import asking  # noqa: PLC0415 - threads of what it loads are confined too
        asking.run(task.settings, own, LIFELINE, confined=confined)
    else:
        step_back(_STORE_NICENESS)
        from tracker import landing  # noqa: PLC0415 - a worker must not load the engine
        landing.run(task.settings, own, _socket(task.calls), LIFELINE)
    _leave()


def _leave() -> None:
    """End now: all is on disk, and what else runs at an end, the engine's above all, may hang.

    Nobody would kill it where the supervisor is gone, and a new tracker would wait for its lock.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _socket(descriptor: int | None) -> socket.socket | None:
    return None if descriptor is None else socket.socket(fileno=descriptor)


def _confine(settings: Settings) -> bool:
    """Leave the process of users' queries the tables to read, and one directory to write."""
    places = Places(settings.data_directory)
    for old in (places.replica, places.scratch):
        shutil.rmtree(old, ignore_errors=True)
    places.scratch.mkdir(parents=True)
    os.environ["TMPDIR"] = str(places.scratch)
    if any(store.service == "chdb" for store in settings.stores):
        places.engine.mkdir(exist_ok=True)  # it may be there before the engine that writes
    return confine([places.engine, places.run], [places.query])


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

