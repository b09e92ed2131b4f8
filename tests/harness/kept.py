"""A store of each kind, open and empty: how its calls come over a line, and how its rows are read.

A store joins the tests of all stores here: a class beside `KeptByChdb`, named in `kept`.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tracker.schema.tables import DERIVED
from tracker.settings import StoreSettings
from tracker.stores.base import Store
from tracker.stores.chdb import ChdbStore
from tracker.stores.duckdb import DuckStore
from tracker.stores.engine import Engine

SUMMED = {derived.table.name for derived in DERIVED if derived.table.sums}
"""Tables that count in a column `total`."""

VISIT = {
    "oid": "o1", "vid": "v1", "sid": "s1", "uid": "u1", "hhash": "h1", "host": "example.com",
    "ename": "page_view", "etyp": "view", "url": "//example.com/a", "last": "//other.org/b",
    "ip": "192.0.2.1", "iphash": "i1", "agent": "mozilla/5.0", "bhash": "b1", "first": True,
    "outcome": "signup", "sink": "cw$", "ehash": "e1", "chash": "c1", "uhash": "n1",
}
"""An event that every table which counts counts once."""


class Line:
    """What lies between a store and its server: one call to come goes wrong.

    failed: an error comes instead; lost: the call is done, then an error comes; slow: the answer
    takes its time; refused: the server says that these rows will never do.
    """

    def __init__(self, error: Callable[[], Exception], refusal: Callable[[], Exception]) -> None:
        self._error = error
        self._refusal = refusal
        self._left = 0
        self._how = ""

    def break_at(self, calls: int, how: str) -> None:
        """Let the `calls`-th call from now go wrong."""
        self._left, self._how = calls, how

    @property
    def is_whole(self) -> bool:
        """Whether that call has not come."""
        return self._left > 0

    def call(self, real: Callable[..., Any], *arguments: Any) -> Any:
        """One call of the store to its server."""
        self._left -= 1
        how = self._how if self._left == 0 else ""
        if how in {"failed", "refused"}:
            raise self._error() if how == "failed" else self._refusal()
        answer = real(*arguments)
        if how == "lost":
            raise self._error()
        if how == "slow":
            time.sleep(0.05)
        return answer


class Broken:
    """A connection of a driver, some of whose methods are called over a line."""

    def __init__(self, real: Any, line: Line, *methods: str) -> None:
        self._real = real
        self._line = line
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._methods:
            return found
        return lambda *arguments: self._line.call(found, *arguments)


class Kept(Protocol):
    """A store, the line to its server, and how a reader finds its rows."""

    store: Store
    line: Line

    def connect(self) -> None:
        """Open the store, over the line."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What a reader sees; tables are those of `sfpla`."""


class KeptByChdb:
    """The embedded engine, in a database of its own."""

    def __init__(self, engine: Engine, database: str) -> None:
        self.line = Line(
            lambda: RuntimeError("Code: 159. DB::Exception: Too slow. (TIMEOUT_EXCEEDED)"),
            lambda: RuntimeError("Code: 117. DB::Exception: Bad rows. (INCORRECT_DATA)"))
        self.chdb = ChdbStore("chdb", engine, database)
        self.store: Store = self.chdb

    def connect(self) -> None:
        self.store.close()
        self.store.open()
        self.chdb._session = Broken(self.chdb._session, self.line, "query")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.chdb.rows(sql.replace("sfpla.", f"{self.chdb.database}."))


class KeptByDuckdb:
    """A DuckDB file, which goes by the name of the database."""

    def __init__(self, directory: Path) -> None:
        import duckdb  # noqa: PLC0415 - an extra

        self.line = Line(lambda: duckdb.IOException("IO Error: Input/output error"),
                         lambda: duckdb.ConversionException("Conversion Error: bad rows"))
        self.duck = DuckStore(StoreSettings("duckdb", "duckdb"), directory)
        self.store: Store = self.duck

    def connect(self) -> None:
        self.store.close()
        self.store.open()
        self.duck._connection = Broken(  # type: ignore[assignment]  # as much as it needs
            self.duck._connection, self.line, "begin", "execute", "commit", "register")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        if self.duck._connection is None:
            self.store.open()
        found: list[dict[str, Any]] = self.duck.query(sql, {}, 30, 1 << 30).to_pylist()
        return found


@pytest.fixture(params=["chdb", "duckdb"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """A store of each kind, over a line that is whole."""
    made: Kept
    if request.param == "duckdb":
        pytest.importorskip("duckdb", reason="the extra duckdb is not installed")
        made = KeptByDuckdb(tmp_path)
    else:
        engine: Engine = request.getfixturevalue("engine")
        made = KeptByChdb(engine, f"t_{abs(hash(request.node.name)) % 10**12}")
    made.connect()
    yield made
    made.store.close()
