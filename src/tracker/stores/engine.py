"""The embedded ClickHouse engine: one per process, opened once, shared by its sessions."""

import contextlib
import os
import re
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from tracker.errors import StoreUnavailable
from tracker.stores.parts import Parts, named, set_aside

_TAKEN = (signal.SIGINT, signal.SIGTERM, signal.SIGTSTP)

_FILES = 65_536
"""Open files wanted: a merge of wide parts opens several for each column and JSON key."""

_FILE = Path(__file__).with_name("engine.xml")
"""What the engine takes from a file alone: how it compresses, by size of part."""

_MODULES = Path(os.__file__).parent

_STARTS = 5
"""So often the engine is started anew when a merge that begins at once is cut off too."""

_CODE = re.compile(r"Code: (\d+)")
_NAME = re.compile(r"\(([A-Z][A-Z_]+)\)\s*(?:\(version|\Z)")

Session = Any
"""A connection of the engine; it runs one statement at a time. The driver ships no types."""


def _server_settings(memory_bytes: int | None) -> dict[str, float]:
    """Settings of the server inside: small caches and pools, for a process that shares a machine.

    The first bounds all queries, inserts and merges together.
    """
    memory: dict[str, float] = (
        {"max_server_memory_usage_to_ram_ratio": 0.5} if memory_bytes is None
        else {"max_server_memory_usage": memory_bytes})
    caches = {
        "mark_cache_size": 64 << 20,
        "index_mark_cache_size": 8 << 20,
        "primary_index_cache_size": 64 << 20,
        "query_condition_cache_size": 8 << 20,
        "compiled_expression_cache_size": 8 << 20,
        "text_index_postings_cache_size": 1 << 20,
        "vector_similarity_index_cache_size": 1 << 20,
    }
    pools = {
        "background_pool_size": 2,
        "background_common_pool_size": 1,
        "background_schedule_pool_size": 2,
        "background_schedule_pool_initial_size": 2,
        "max_thread_pool_size": 256,
        "max_thread_pool_free_size": 8,
        "max_active_parts_loading_thread_pool_size": 4,
        "max_outdated_parts_loading_thread_pool_size": 4,
        "max_parts_cleaning_thread_pool_size": 4,
        "prefetch_threadpool_pool_size": 8,  # a thread once started stays, as in the next three
        "load_marks_threadpool_pool_size": 8,
        "threadpool_local_fs_reader_pool_size": 8,
        "threadpool_remote_fs_reader_pool_size": 8,
        "os_threads_nice_value_merge_mutate": 10,
    }
    return memory | caches | pools


class Engine:
    """ClickHouse in this process, over one directory that no other process may have open.

    Never fork a process that has opened it: a query in the child hangs. The engine takes over the
    handlers of some signals; `open` in the main thread gives Python's own back, so open it there
    before anything needs them, or set handlers after opening.

    It may use `memory_bytes`, by default half of what the machine or the container has. `more` are
    further settings of the server inside.
    """

    def __init__(self, directory: Path, memory_bytes: int | None = None,
                 more: Mapping[str, object] | None = None) -> None:
        self.directory = directory
        self._settings = {
            "config-file": _FILE, **_server_settings(memory_bytes), **(more or {})}
        self._base: Session = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Start the engine, or do nothing where it runs.

        Parts that a full disk has cut off are set aside. Raises `StoreUnavailable`, `OSError`.
        """
        with self._lock:
            if self._base is not None:
                return
            self.directory.mkdir(parents=True, exist_ok=True)
            _allow_files()
            with _own_handlers():
                base = self._started()
            _leave_files_alone(base)
            self._base = base

    def session(self) -> Session:
        """A new session that may write."""
        self.open()
        return self._session({})

    def reader(self, settings: str = "readonly=1") -> Session:
        """A new session with `settings`, as `readonly=1&max_threads=2`."""
        self.open()
        return _connect(f"{self.directory}?{settings}")

    def close(self) -> None:
        """End the engine; sessions that others opened must be closed before."""
        with self._lock:
            if self._base is not None:
                self._base.close()
                self._base = None

    def _started(self) -> Session:
        """A session of the engine, started again without the parts that are cut off, if any are.

        That comes before the engine deletes what they were merged of.
        """
        own = self.directory.resolve()
        for _ in range(_STARTS):
            base = self._session(self._settings)
            try:
                short = [part for part in Parts(partial(rows_of, base)).cut_off()
                         if part.path.resolve().is_relative_to(own)]
            except BaseException:
                base.close()
                raise
            if not short:
                return base
            base.close()
            for part in short:
                set_aside(part)
        raise StoreUnavailable(f"parts are cut off again and again: {named(short)}; is the disk"
                               " full?")

    def _session(self, settings: Mapping[str, object]) -> Session:
        options = "&".join(f"{name}={quote(str(value))}" for name, value in settings.items())
        return _connect(f"{self.directory}?{options}" if options else str(self.directory))


def rows_of(session: Session, query: str) -> list[dict[str, object]]:
    """Run a statement; its rows by column name. Raises `RuntimeError` as the driver does."""
    result = session.query(query, "JSONEachRow")
    lines = (result.bytes() or b"").splitlines()
    return [msgspec.json.decode(line, type=dict[str, object]) for line in lines if line]


def _connect(address: str) -> Session:
    open_session = _driver()
    try:
        return open_session(address)
    except RuntimeError as error:
        raise StoreUnavailable(
            f"the embedded engine does not open {address.partition('?')[0]}: {brief(error)}; is"
            " another process using it?") from error


def _driver() -> Callable[[str], Session]:
    """What opens a session.

    While it is loaded, the driver opens an engine of its own for a moment, which takes any
    `config.xml` of the folder that the process stands in: broken it ends the process, else it may
    write files wherever it says. So the process stands among Python's own modules meanwhile.
    """
    with contextlib.nullcontext() if "chdb" in sys.modules else contextlib.chdir(_MODULES):
        from chdb.session import Session as Driver  # noqa: PLC0415 - 250 MB, only where it is used

    opened: Callable[[str], Session] = Driver  # it ships no types
    return opened


def _leave_files_alone(base: Session) -> None:
    """Put an empty database in place of the engine's `default`, whose tables are all the files
    that the process can read.
    """
    try:
        base.query("DROP DATABASE IF EXISTS default")
        base.query("CREATE DATABASE default ENGINE = Memory")
    except RuntimeError as error:
        base.close()
        raise StoreUnavailable(f"the embedded engine keeps its `default`: {brief(error)}"
                               ) from error


def brief(error: Exception) -> str:
    """What the engine said, in one line: code, name and the first sentence."""
    message = " ".join(str(error).split())
    return message.partition(": In scope ")[0].partition(" Stack trace")[0][:300]


def code_name(error: Exception) -> str:
    """The name of the engine's error, as `CANNOT_PARSE_UUID`; "" when it gave none."""
    names = _NAME.findall(str(error))
    return str(names[-1]) if names else ""


def code(error: Exception) -> int:
    """The number of the engine's error; 0 when it gave none."""
    found = _CODE.search(str(error))
    return int(found[1]) if found else 0


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Set this process's signal handlers back after the engine has put its own in their place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _TAKEN}
    yield
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
