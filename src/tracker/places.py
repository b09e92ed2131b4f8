"""Where things lie in the data directory that several processes use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """The same place by its open directory: a socket's path has about 100 bytes (unix(7)).

    A relative path would do, but the working directory is that of all threads. Raises `OSError`.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class Places:
    """Paths under one data directory; `run` is made anew at each start of the supervisor."""

    data: Path

    @property
    def engine(self) -> Path:
        """The embedded engine's own files."""
        return self.data / "chdb"

    @property
    def geo(self) -> Path:
        """Where addresses are, in the form that is mapped."""
        return self.data / "places"

    @property
    def run(self) -> Path:
        """What processes tell each other."""
        return self.data / "run"

    @property
    def inside(self) -> Path:
        """The socket by which the query process asks the store process."""
        return self.run / "inside"

    @property
    def registry(self) -> Path:
        """Accounts and short URLs."""
        return self.data / "registry.db"

    @property
    def mark(self) -> Path:
        """How often the short URLs have changed; in the memory of all who map it."""
        return self.data / "registry.mark"

    @property
    def token(self) -> Path:
        """What whoever calls the registry's writer must show.

        The query process, whatever a query makes of it, may reach the socket but not read this.
        """
        return self.data / "registry.token"

    @property
    def calls(self) -> Path:
        """The socket where the registry's writer takes calls."""
        return self.run / "registry"

    @property
    def tables(self) -> Path:
        """How the embedded engine's tables are defined."""
        return self.run / "tables"

    @property
    def query(self) -> Path:
        """The only directory that the query process writes."""
        return self.run / "query"

    @property
    def replica(self) -> Path:
        """The files of the query process's engine."""
        return self.query / "engine"

    @property
    def scratch(self) -> Path:
        """What stands for /tmp in the query process."""
        return self.query / "tmp"
