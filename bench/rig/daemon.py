"""A server program as a child: started, waited for until its port answers, ended."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.rig.procs import on_cores
from bench.rig.servers import START_SECONDS, ServerFailed, end, wait_until


class Daemon:
    """`command` with its output in `folder`; ready when something listens on `port`.

    On `cores`, where any are named, from its first moment on: programs in Go start as many threads
    as they may use cores.
    """

    def __init__(self, command: Sequence[str | Path], folder: Path, port: int,
                 cores: Sequence[int] = (), environment: Mapping[str, str] = os.environ) -> None:
        self.folder = folder
        self._name = Path(command[0]).name
        with (folder / "out").open("wb") as out, on_cores(cores):
            self._child = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder,
                                           env=dict(environment))
        try:
            wait_until(lambda: self._answers(port), START_SECONDS, f"{self._name} answers")
        except ServerFailed:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid

    def processes(self) -> dict[str, int]:
        """Its one process, by the name of the program."""
        return {self._name: self.pid}

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        end(self._child)

    def _answers(self, port: int) -> bool:
        if self._child.poll() is not None:
            said = (self.folder / "out").read_text(errors="replace")[-1000:]
            raise ServerFailed(f"{self._name} ended with {self._child.returncode}; it said: {said}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False
