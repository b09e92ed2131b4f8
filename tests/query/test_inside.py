"""What the query process asks of the store process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pytest

from tracker.errors import QueryRefused
from tracker.query.failure import QueryFailed
from tracker.query.inside import Inside, Told
from tracker.query.link import Link
from tracker.wire import packed

T = TypeVar("T")


class Wide:
    """A store with more rows than one piece holds."""

    def query(self, sql: str, params: Mapping[str, str], seconds: float, result_bytes: int
              ) -> pa.Table:
        """So many rows as `sql` says."""
        if not sql.isdigit():
            raise QueryRefused(f"{sql} is no number")
        return pa.table({"n": pa.array(range(int(sql)), pa.int64())})


async def flushed(_: float) -> None:
    """All has landed."""


async def never(_: float) -> None:
    """Something does not land."""
    raise TimeoutError


def linked(folder: Path, work: Callable[[Link], Awaitable[T]],
           flush: Callable[[float], Awaitable[None]] = flushed) -> T:
    """What `work` gives with a link to a store process."""
    async def main() -> T:
        inside = Inside(flush, {"wide": Wide()})
        async with await asyncio.start_unix_server(inside.answer, folder / "inside"):
            try:
                return await work(Link(folder / "inside"))
            finally:
                inside.close()

    return asyncio.run(main())


@pytest.mark.parametrize("rows", [0, 1, 25_000])
def test_all_rows_and_their_columns_come_over(tmp_path: Path, rows: int) -> None:
    table = linked(tmp_path, lambda link: link.ask("wide", str(rows), {}, 5.0, 1 << 20))

    assert (["n"], list(range(rows))) == (table.column_names, table["n"].to_pylist())


@pytest.mark.parametrize(("store", "code"), [("wide", 36), ("narrow", 36)])
def test_what_a_store_refuses_is_told(tmp_path: Path, store: str, code: int) -> None:
    with pytest.raises(QueryFailed) as failure:
        linked(tmp_path, lambda link: link.ask(store, "many", {}, 5.0, 1 << 20))

    assert code == failure.value.code


def test_a_flush_that_does_not_come_to_an_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(QueryFailed) as failure:
        linked(tmp_path, lambda link: link.flush(1.0), never)

    assert 159 == failure.value.code


def test_rows_of_a_store_process_that_ends_half_way_are_no_answer(tmp_path: Path) -> None:
    async def half(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await source.readexactly(8)
        sink.write(packed(Told()))
        await sink.drain()
        sink.close()

    async def main() -> None:
        async with await asyncio.start_unix_server(half, tmp_path / "inside"):
            await Link(tmp_path / "inside").ask("wide", "1", {}, 5.0, 1 << 20)

    with pytest.raises(QueryFailed) as failure:
        asyncio.run(main())

    assert 503 == failure.value.status


def test_without_a_store_process_it_is_503(tmp_path: Path) -> None:
    with pytest.raises(QueryFailed) as failure:
        asyncio.run(Link(tmp_path / "inside").flush(1.0))

    assert 503 == failure.value.status
