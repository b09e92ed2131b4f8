"""What a store refuses is set aside with its reason, all else lands, and the account adds up."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.batches import make_batch
from harness.kept import Kept, KeptByDuckdb
from harness.pipeline import Until
from tracker.batches.deadletters import DeadLetters
from tracker.batches.files import BatchFiles
from tracker.delivery.courier import Courier
from tracker.delivery.cursor import Cursor
from tracker.errors import QueryRefused, StoreUnavailable
from tracker.stores import duckdb as duckstore
from tracker.stores import duckmemory

BAD: dict[str, Any] = {"eid": "nonsense"}


def large(ename: str, megabytes: int) -> dict[str, Any]:
    return {"ename": ename, "params": {"a": "x" * (megabytes * 1_000_000)}}


LARGE = large("large", 12)


class Carried:
    """Batches that a courier has carried to a store."""

    def __init__(self, kept: Kept, folder: Path, *batches: Sequence[dict[str, Any]],
                 others: int = 0) -> None:
        made = folder / "made"
        made.mkdir()
        files = BatchFiles(folder / "batches")
        files.open()
        for n, rows in enumerate(batches, 1):
            batch = make_batch(made, n, rows, others=others * len(rows))
            files.seal(batch.manifest, batch.table)
        self.dead = DeadLetters(folder / "dead")
        self.dead.open(len(batches))
        self.courier = Courier(kept.store, files, Cursor(folder / "cursors" / "s.json", "q1", 1),
                               self.dead)
        ended = threading.Event()
        timer = threading.Timer(60, ended.set)
        timer.start()
        self.courier.run(Until(lambda: self.landed >= len(batches) or ended.is_set()))
        timer.cancel()
        kept.connect()
        self.kept = kept

    @property
    def landed(self) -> int:
        return self.courier.cursor.landed

    @property
    def set_aside(self) -> list[tuple[str, str]]:
        """File and name of each row that was set aside."""
        return [(file, str(refused.row["ename"])) for file, refused in self.dead.refusals()]

    def rows(self) -> list[tuple[int, str]]:
        return [(int(row["batch"]), row["ename"]) for row in self.kept.rows(
            "SELECT batch, ename FROM sfpla.events ORDER BY batch, ename")]

    def accounts(self) -> list[tuple[int, int]]:
        return [(int(row["batch"]), int(row["accepted"])) for row in self.kept.rows(
            "SELECT batch, accepted FROM sfpla.accounting ORDER BY batch")]


def test_bad_rows_are_set_aside_with_their_reason_and_the_others_land(kept: Kept, tmp_path: Path
                                                                      ) -> None:
    bad = BAD | {"ename": "bad"}
    carried = Carried(kept, tmp_path, [{"ename": "a"}, bad, {"ename": "b"}, {"ename": "c"}, bad],
                      [{"ename": "d"}])

    assert (2, 2, 4) == (carried.landed, carried.courier.counts.refused,
                         carried.courier.counts.events)
    assert [(1, "a"), (1, "b"), (1, "c"), (2, "d")] == carried.rows()
    assert [(1, 5), (2, 1)] == carried.accounts()
    name = kept.store.name
    assert [(f"000000000001-{name}-000001.refused", "bad"),
            (f"000000000001-{name}-000004.refused", "bad")] == carried.set_aside
    assert all(refused.reason for _, refused in carried.dead.refusals())


def test_a_batch_of_which_nothing_lands_has_its_line_in_the_account(kept: Kept, tmp_path: Path
                                                                    ) -> None:
    carried = Carried(kept, tmp_path, [{"ename": "a"}], [BAD], [BAD, BAD], [{"ename": "d"}])

    assert (4, 3) == (carried.landed, carried.courier.counts.refused)
    assert [(1, "a"), (4, "d")] == carried.rows()
    assert [(1, 1), (2, 1), (3, 2), (4, 1)] == carried.accounts()


@pytest.fixture
def duck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], KeptByDuckdb]:
    """A DuckDB store with so much memory."""
    pytest.importorskip("duckdb", reason="the extra duckdb is not installed")

    def made(memory: str) -> KeptByDuckdb:
        monkeypatch.setitem(duckstore._OPTIONS, "memory_limit", memory)
        kept = KeptByDuckdb(tmp_path / "duckdb")
        kept.connect()
        return kept

    return made


def test_a_row_that_memory_does_not_do_for_is_set_aside_and_the_others_land(
        duck: Callable[[str], KeptByDuckdb], tmp_path: Path) -> None:
    kept = duck("64MB")
    carried = Carried(kept, tmp_path, [{"ename": "a"}, LARGE, {"ename": "b"}], [LARGE],
                      [{"ename": "c"}])

    assert (3, 2, 3) == (carried.landed, carried.courier.counts.refused,
                         carried.courier.counts.events)
    assert [("000000000001-duckdb-000001.refused", "large"),
            ("000000000002-duckdb-000000.refused", "large")] == carried.set_aside
    assert {"Out of Memory"} == {refused.reason[:13] for _, refused in carried.dead.refusals()}
    assert [(1, "a"), (1, "b"), (3, "c")] == carried.rows()
    assert [(1, 3), (2, 1), (3, 1)] == carried.accounts()
    kept.store.close()


def test_rows_that_memory_does_not_do_for_together_land_in_parts(
        duck: Callable[[str], KeptByDuckdb], tmp_path: Path) -> None:
    kept = duck("128MB")
    carried = Carried(kept, tmp_path, [large(f"e{at:02}", 4) for at in range(12)])

    assert (1, 0, 12) == (carried.landed, carried.courier.counts.refused,
                          carried.courier.counts.events)
    assert [(1, f"e{at:02}") for at in range(12)] == carried.rows()
    assert [(1, 12)] == carried.accounts()
    kept.store.close()


@pytest.mark.parametrize(("table", "many"), [
    ("events", {"ename": "x"}),
    ("logs", {"kind": "log", "extra": json.dumps([{"id": "l", "level": 3}])}),
])
def test_of_large_values_only_so_many_land_close_to_each_other(
        duck: Callable[[str], KeptByDuckdb], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        table: str, many: dict[str, Any]) -> None:
    monkeypatch.setattr(duckmemory, "RUN_BYTES", 3_500_000)
    line = many | ({"params": {"a": "x" * 1_000_000}} if table == "events" else
                   {"extra": json.dumps([{"id": "l", "msg": "x" * 1_000_000}])})
    small = many | {"ename": "small"}
    carried = Carried(duck("256MB"), tmp_path, [line], [line, small, line], [line, small], [line],
                      [small] * 2_048, [line, small, line], others=0 if table == "events" else 1)

    assert (6, 2) == (carried.landed, carried.courier.counts.refused)
    assert ["000000000003-duckdb-000000.refused", "000000000004-duckdb-000000.refused"] == [
        file for file, _ in carried.dead.refusals()]
    assert all(f"2048 rows of {table} that follow each other" in refused.reason
               for _, refused in carried.dead.refusals())
    assert [{"n": 2_056}] == carried.kept.rows(f"SELECT count(*) AS n FROM {table}")
    carried.kept.store.close()


def test_a_file_that_memory_does_not_do_for_is_opened_with_more(
        duck: Callable[[str], KeptByDuckdb], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
        ) -> None:
    monkeypatch.setattr(duckmemory, "RUN_BYTES", 1 << 40)
    monkeypatch.setitem(duckstore._OPTIONS, "checkpoint_threshold", "8MB")
    kept = duck("64MB")
    carried = Carried(kept, tmp_path, *([large("e", 4)] for _ in range(9)))

    assert (9, 0) == (carried.landed, carried.courier.counts.refused)
    assert [(n, "e") for n in range(1, 10)] == carried.rows()
    kept.store.close()


@pytest.mark.parametrize("row", [{"ename": "small"}, LARGE])
def test_no_row_is_to_blame_where_memory_does_for_none(
        duck: Callable[[str], KeptByDuckdb], tmp_path: Path, row: dict[str, Any]) -> None:
    kept = duck("8MB")

    with pytest.raises(StoreUnavailable, match="allocate"):
        kept.store.land(make_batch(tmp_path, 1, [row]))
    kept.store.close()


def test_a_row_takes_the_memory_of_queries_before_it_is_to_blame(
        duck: Callable[[str], KeptByDuckdb], tmp_path: Path) -> None:
    kept = duck("128MB")
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(kept.rows, "SELECT sum(len(l) + r.range) FROM (SELECT list(range) AS l"
                            " FROM range(1200000)), range(3000000000) AS r")
        with pytest.raises(TimeoutError):
            query.result(1)
        started = time.monotonic()
        kept.store.land(make_batch(tmp_path, 1, [large("e", 18)]))
        assert time.monotonic() - started < 10
        with pytest.raises(QueryRefused, match="had to begin anew; ask again"):
            query.result(10)

    assert [{"n": 1}] == kept.rows("SELECT count(*) AS n FROM sfpla.events")
    kept.store.close()


def test_a_store_that_closes_waits_for_no_query(
        duck: Callable[[str], KeptByDuckdb]) -> None:
    kept = duck("64MB")
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(kept.rows, "SELECT sum(range * 2) FROM range(100000000000)")
        with pytest.raises(TimeoutError):
            query.result(0.5)
        started = time.monotonic()
        kept.store.close()
        assert time.monotonic() - started < 4
        with pytest.raises(QueryRefused, match="ask again"):
            query.result(10)


def test_without_large_values_all_else_of_a_row_stays(tmp_path: Path) -> None:
    row = LARGE | {"url": "u" * 70_000, "targets": {"b": 1}, "extra": "[" + " " * 70_000 + "]"}
    rows = make_batch(tmp_path, 1, [row]).table
    plain = duckmemory.without_large(rows)

    assert rows.schema == plain.schema
    assert ({"ename": "large", "params": "{}", "url": "", "targets": '{"b": 1}', "extra": "[]"}
            == {name: plain[name][0].as_py() for name in (
                "ename", "params", "url", "targets", "extra")})
