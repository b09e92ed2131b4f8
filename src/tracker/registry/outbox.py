"""Changes that the registry has committed and no spool holds yet."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple


class Change(NamedTuple):
    """One change.

    `eid`      16 bytes, the id of its row in SQL, the same however often it goes out
    `moment`   when it was made, in milliseconds since 1970
    `content`  what it says, as JSON
    """

    n: int
    eid: bytes
    moment: int
    content: bytes


class Outbox:
    """Reads the outbox, and takes away what has gone out; with connections of its own.

    Both raise `sqlite3.Error`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, most: int) -> list[Change]:
        """The oldest changes."""
        with closing(self._open()) as database:
            rows = database.execute("SELECT n, eid, moment, content FROM outbox ORDER BY n"
                                    " LIMIT ?", (most,)).fetchall()
        return [Change(*row) for row in rows]

    def forget(self, n: int) -> None:
        """All up to number `n` are durable elsewhere."""
        with closing(self._open()) as database:
            database.execute("DELETE FROM outbox WHERE n <= ?", (n,))

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        return database
