"""Each statement that a store sends may fail or lose its answer: every row is there once.

A store joins with a class beside `KeptByChdb` and a name in `kept`: how its calls come over a
`Line`, which lets one of them go wrong, and how its rows are counted.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness.batches import make_batch
from tracker.batch import Batch
from tracker.errors import BatchRefused, StoreUnavailable
from tracker.schema.tables import DERIVED
from tracker.settings import StoreSettings
from tracker.stores.base import Store
from tracker.stores.chdb import ChdbStore
from tracker.stores.duckdb import DuckStore
from tracker.stores.engine import Engine

STRIDE = int(os.environ.get("MODEL_STRIDE", "4"))
ROWS = 4
SUMMED = {derived.table.name for derived in DERIVED if derived.table.sums}
VISIT = {
    "oid": "o1", "sid": "s1", "hhash": "h1", "host": "example.com", "ename": "page_view",
    "etyp": "view", "url": "//example.com/a", "last": "//other.org/b", "ip": "192.0.2.1",
    "iphash": "i1", "agent": "mozilla/5.0", "bhash": "b1", "first": True, "ehash": "e1",
    "chash": "c1", "uhash": "n1",
    "outcome": "signup", "sink": "cw$",
}


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
    """A store, the line to its server, and how its rows are counted."""

    store: Store
    line: Line

    def connect(self) -> None:
        """Open the store, over the line."""

    def count(self, what: str, table: str) -> int: ...


class KeptByChdb:
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

    def count(self, what: str, table: str) -> int:
        return int(str(self.chdb.rows(
            f"SELECT {what} AS n FROM {self.chdb.database}.{table}")[0]["n"]))


class KeptByDuckdb:
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

    def count(self, what: str, table: str) -> int:
        if self.duck._connection is None:
            self.store.open()
        found = self.duck.query(f"SELECT {what} AS n FROM {table}", {}, 30, 1 << 20)
        return int(found.to_pylist()[0]["n"])


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


def land(kept: Kept, batch: Batch) -> bool:
    """As a courier does: again until it lands, or in parts. Whether an error came."""
    try:
        kept.store.land(batch)
    except StoreUnavailable:
        kept.store.land(batch)
    except BatchRefused:
        first, behind = batch.span or (0, batch.table.num_rows)
        land(kept, batch.part(first, (first + behind) // 2))
        land(kept, batch.part((first + behind) // 2, behind))
    else:
        return False
    return True


def counts(kept: Kept) -> dict[str, int]:
    """How often each table that counts says that something happened."""
    return {"events": kept.count("count(*)", "events"),
            "eids": kept.count("count(DISTINCT eid)", "events"),
            "accounting": kept.count("count(*)", "accounting")} | {
        name: kept.count("coalesce(sum(total), 0)", name) for name in SUMMED}


@pytest.mark.parametrize("how", ["failed", "lost", "refused", "slow"])
def test_any_call_to_a_store_may_fail_once(kept: Kept, tmp_path: Path, how: str) -> None:
    n = 0
    for call in itertools.count(1):
        land(kept, make_batch(tmp_path, n := n + 1, rows(n)))
        kept.line.break_at(call, how)
        failed = land(kept, make_batch(tmp_path, n := n + 1, rows(n)))
        if kept.line.is_whole:
            break
        assert failed == (how != "slow")
        kept.connect()
        assert once(n) == counts(kept), call
    assert call > 3


@pytest.mark.parametrize("how", ["failed", "lost", "refused"])
def test_any_call_of_the_first_batch_after_a_start_may_fail_once(
        kept: Kept, tmp_path: Path, how: str) -> None:
    n = 0
    for call in itertools.count(1, STRIDE):
        kept.connect()
        kept.line.break_at(call, how)
        land(kept, make_batch(tmp_path, n := n + 1, rows(n)))
        if kept.line.is_whole:
            break
        assert once(n) == counts(kept), call
    assert call > 3


def once(batches: int) -> dict[str, int]:
    """What tables count after so many batches, each row once."""
    return dict.fromkeys(["events", "eids", *SUMMED], batches * ROWS) | {"accounting": batches}


def rows(n: int) -> list[dict[str, Any]]:
    """Rows each of which every table counts once."""
    return [VISIT | {"vid": f"v{n}-{i}", "uid": f"u{n}-{i}"} for i in range(ROWS)]
