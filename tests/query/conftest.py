"""A tracker database with a few rows, and the endpoint in front of it on a free port."""

import asyncio
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from query.asking import Serve, Served
from tracker.query.endpoint import QueryEndpoint
from tracker.query.engine import Readable, Session
from tracker.query.inside import Inside
from tracker.query.link import Link
from tracker.settings import QuerySettings
from tracker.stores.base import Reader
from tracker.stores.engine import Engine

ROWS = """
{"eid": "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "ename": "a", "params": {"go": 6}}
{"eid": "61f0c404-5cb3-11e7-907b-a6006ad3dba1", "ename": "b", "params": {"go": "x"}}
{"eid": "61f0c404-5cb3-11e7-907b-a6006ad3dba2", "ename": "c", "params": {"go": [1, 2]}}
"""


class Tables:
    """The tables of an engine that reads what it writes: they are always fresh."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def enter(self) -> None:
        """Nothing to do."""

    def leave(self) -> None:
        """Nothing to do."""

    def reader(self, settings: str) -> Session:
        """A session of the engine."""
        session: Session = self._engine.reader(settings)
        return session


@pytest.fixture(scope="session")
def tables(engine: Engine) -> Readable:
    """The engine of the test run, where a database `asked` has a few events."""
    writer = engine.session()
    writer.query("CREATE DATABASE asked")
    writer.query("CREATE DATABASE IF NOT EXISTS sfpla")  # where plain names are looked for
    writer.query("CREATE TABLE asked.events (eid UUID, ename String, url String, params JSON)"
                 " ENGINE = MergeTree ORDER BY eid")
    writer.query(f"INSERT INTO asked.events (eid, ename, params) FORMAT JSONEachRow {ROWS}")
    writer.close()
    return Tables(engine)


@pytest.fixture(scope="session")
def serve(tables: Readable) -> Serve:
    """Serves endpoints with settings of one's own: `with serve(concurrent=1) as served:`."""

    @contextmanager
    def serving(readers: Mapping[str, Reader] | None = None, **settings: Any) -> Iterator[Served]:
        with socket.create_server(("127.0.0.1", 0)) as sock, \
                tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "inside"
            flushed: list[float] = []

            async def flush(seconds: float) -> None:
                flushed.append(seconds)

            loop = asyncio.new_event_loop()
            made: list[QueryEndpoint] = []

            async def main() -> None:
                inside = Inside(flush, readers or {})
                made.append(QueryEndpoint(QuerySettings(**settings), tables, Link(path)))
                async with await asyncio.start_unix_server(inside.answer, path):
                    ready.set()
                    await made[0].serve(sock)
                inside.close()

            ready = threading.Event()
            thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
            thread.start()
            assert ready.wait(10)
            try:
                yield Served(sock.getsockname()[1], made[0], flushed)
            finally:
                asyncio.run_coroutine_threadsafe(made[0].stop(), loop).result(10)
                thread.join(20)
                loop.close()

    return serving


@pytest.fixture(scope="session")
def served(serve: Serve) -> Iterator[Served]:
    with serve(seconds=5.0, memory_bytes=500_000_000, result_bytes=200_000_000) as answering:
        yield answering

