"""Whoever entered the tables leaves them, whatever becomes of the query meanwhile."""

import asyncio
import threading
from contextlib import suppress

import pytest

from tracker.query import runner as module
from tracker.query.engine import Readable, Session
from tracker.query.protocol import Query
from tracker.query.runner import Runner
from tracker.settings import QuerySettings


class Slow:
    """Tables that are entered only once `go` is set."""

    def __init__(self, tables: Readable) -> None:
        self._tables = tables
        self.go = threading.Event()
        self.inside = 0
        self.left = threading.Event()

    def enter(self) -> None:
        self.go.wait(30)
        self.inside += 1

    def leave(self) -> None:
        self.inside -= 1
        self.left.set()

    def reader(self, settings: str) -> Session:
        return self._tables.reader(settings)


async def ask(runner: Runner) -> None:
    async with runner.run(Query("SELECT 1")) as answer:
        async for _ in answer.pieces:
            pass


async def has_left(tables: Slow) -> bool:
    return await asyncio.to_thread(tables.left.wait, 20) and not tables.inside


def test_a_query_leaves_the_tables(tables: Readable) -> None:
    slow = Slow(tables)
    slow.go.set()

    async def main() -> None:
        runner = Runner(QuerySettings(), slow)
        await ask(runner)
        assert await has_left(slow)
        await runner.close()

    asyncio.run(main())


def test_a_query_that_was_given_up_before_it_entered_leaves_too(
        tables: Readable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KILL_SECONDS", 0.1)
    slow = Slow(tables)

    async def main() -> None:
        runner = Runner(QuerySettings(), slow)
        asking = asyncio.create_task(ask(runner))
        await asyncio.sleep(0.2)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        assert 1 == runner.counts.stuck
        slow.go.set()
        assert await has_left(slow)
        assert 0 == runner.counts.stuck
        await runner.close()

    asyncio.run(main())
