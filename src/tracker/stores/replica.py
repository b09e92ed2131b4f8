"""The embedded engine's tables, read by a second engine in a process that cannot write them.

The engine that writes tells how its tables are defined, in a file. A reader attaches each under
the same UUID, from a disk that is read-only; so both see the same parts. Parts never change; new
ones are found when the reader looks at the disk again (`enter`), and those that a merge replaced
stay for `KEPT_SECONDS`, longer than any query runs. A part that comes or goes is renamed, which
changes the time of its table's directory: as long as none changes, there is nothing to look for.

A reader never lets go of a part that it saw replaced (13 kB each, a dozen a second), as it cannot
delete it. So the tables are attached anew now and then, at a moment when nobody reads.
"""

import threading
import time
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tracker.errors import StoreUnavailable
from tracker.schema import clickhouse
from tracker.stores.engine import Engine, Session, brief

_DISK: Final = "landed"
_WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05
_TICK_NANOSECONDS: Final = 100_000_000
"""File systems tell the time by ticks: what changes twice in one may show it once."""

_REPLACED: Final = 3_000
"""From so many parts on the tables are attached anew once nobody reads."""
_MOST_REPLACED: Final = 20_000
"""From so many on those who want to read wait for those who do, for `_PATIENCE_SECONDS` at most."""
_PATIENCE_SECONDS: Final = 3.0
_UNKNOWN: Final = b"?"

SPILL_BYTES: Final = 2 << 30
"""What sorts, groups and joins of all queries may put on disk, where memory does not do."""


class Database(Protocol):
    """Where a query runs."""

    def rows(self, query: str) -> list[dict[str, object]]:
        """Its rows by column name."""


class Definition(msgspec.Struct, frozen=True):
    """A table or view as the engine that writes tells it.

    `engine` is all behind ENGINE; `aside` are its parts that were set aside as they were damaged:
    a reader that has seen them must begin anew.
    """

    name: str
    uuid: str
    create: str
    engine: str
    aside: tuple[str, ...] = ()

    def directory(self, source: Path) -> Path:
        """Where the engine under `source` keeps the parts."""
        return source / "store" / self.uuid[:3] / self.uuid

    def attach(self, disk: str) -> str:
        """The statement that makes it readable elsewhere; raises ValueError if that is unclear."""
        if not self.engine:
            return self.create
        head, found, tail = self.create.partition(f"ENGINE = {self.engine}")
        start = f"CREATE TABLE {clickhouse.DATABASE}.{self.name} "
        if not found or not head.startswith(start) or " SETTINGS " not in self.engine:
            raise ValueError(f"{self.name} is defined in a way that is not known: {self.create}")
        return (f"ATTACH TABLE {clickhouse.DATABASE}.{self.name} UUID '{self.uuid}'"
                f" {head.removeprefix(start)}{found}, table_readonly = 1, disk = {disk}{tail}")


def publish(database: Database, file: Path) -> None:
    """Tell readers, in `file`, the tables and views as they are now."""
    rows = database.rows(
        "SELECT name, toString(uuid) AS uuid, create_table_query AS create,"
        " if(t.engine = 'View', '', engine_full) AS engine, aside FROM system.tables AS t"
        " LEFT JOIN (SELECT database, table, arraySort(groupArray(name)) AS aside"
        " FROM system.detached_parts GROUP BY ALL) AS d"
        " ON d.database = t.database AND d.table = t.name"
        f" WHERE t.database = '{clickhouse.DATABASE}' AND t.engine != 'MaterializedView'"
        " ORDER BY t.engine = 'View', name")
    draft = file.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(msgspec.convert(rows, list[Definition])))
    draft.replace(file)


class Replica:
    """The tables under `source`, as `file` defines them, in an engine of its own under `own`.

    Never writes into `source`. Any number of threads may call it.
    """

    def __init__(self, source: Path, file: Path, own: Path, memory_bytes: int) -> None:
        self._source = source
        self._file = file
        self._engine = Engine(own, memory_bytes, {
            "custom_local_disks_base_directory": f"{source}/",
            "max_temporary_data_on_disk_size": SPILL_BYTES})
        self._attached = b""
        self._names: list[str] = []  # of the tables attached, without views
        self._directories: list[Path] = []  # of these
        self._seen: list[int] = []  # when these changed, of what the last refresh saw for sure
        self._session: Session = None
        self._lock = threading.Lock()
        self._asked = 0  # how often somebody wanted to read
        self._shown = 0  # of these, how many had wanted to when the disk was last looked at
        self._patient_until = _MOST_REPLACED
        self._readers = 0
        self._left = threading.Condition()

    def open(self) -> None:
        """Start the engine, in the main thread; tables follow when they are first asked for."""
        self._engine.open()

    def reader(self, settings: str) -> Session:
        """A session of its own with `settings`, as `readonly=1&max_threads=2`."""
        return self._engine.reader(settings)

    def changed(self) -> bool:
        """Whether the tables are not what they were when they were attached."""
        return bool(self._attached) and self._defined() != self._attached

    def enter(self) -> None:
        """Return when all that landed before the call can be read, until `leave`.

        Raises `StoreUnavailable` when it is not known yet which tables there are.
        """
        self._asked += 1
        mine = self._asked
        with self._lock:
            if self._shown < mine:  # else one that began since has seen it too
                self._refresh()
            with self._left:
                self._readers += 1

    def leave(self) -> None:
        """Nothing is read any more by one who entered."""
        with self._left:
            self._readers -= 1
            self._left.notify_all()

    def _refresh(self) -> None:
        begun = self._asked
        changes, now = self._changes(), time.time_ns()
        if not changes or changes != self._seen:
            self._seen = []
            self._look()
            if changes and max(changes) < now - _TICK_NANOSECONDS:
                self._seen = changes
        self._shown = begun

    def _look(self) -> None:
        try:
            if not self._attached:
                self._attach(self._awaited())
                return
            self._session.query(f"SYSTEM RESTART DISK {_DISK}")
            replaced = self._replaced()
            if replaced >= _REPLACED and self._is_quiet(replaced):
                self._attach_anew()
        except RuntimeError as error:
            raise StoreUnavailable(f"the tables cannot be read: {brief(error)}") from error

    def _replaced(self) -> int:
        """How many parts are kept that others took the place of."""
        return int(self._session.query(
            "SELECT value FROM system.metrics WHERE metric = 'PartsDeleting'", "TSV").bytes() or 0)

    def _is_quiet(self, replaced: int) -> bool:
        """Whether nobody reads; nobody comes meanwhile, who would need the lock.

        Those who waited in vain for those who read do not wait again before as many parts more.
        """
        late = replaced >= self._patient_until
        with self._left:
            quiet = self._left.wait_for(lambda: not self._readers, _PATIENCE_SECONDS * late)
        if late:
            self._patient_until = replaced + _MOST_REPLACED
        return quiet

    def _attach_anew(self) -> None:
        try:
            for statement in ("DETACH", "ATTACH"):
                for name in self._names:
                    self._session.query(f"{statement} TABLE {clickhouse.DATABASE}.{name}")
        except RuntimeError:
            self._attached = _UNKNOWN  # so that the process begins anew
            raise
        self._patient_until = _MOST_REPLACED

    def _changes(self) -> list[int]:
        """When parts last came to, or went from, each table, in ns; nothing if that is unknown."""
        try:
            return [directory.stat().st_mtime_ns for directory in self._directories]
        except OSError:
            return []

    def _awaited(self) -> bytes:
        """The definitions, which the store process writes soon after a start."""
        until = time.monotonic() + _WAIT_SECONDS
        while not (defined := self._defined()):
            if time.monotonic() > until:
                raise StoreUnavailable("the embedded store is not open yet; look at /health")
            time.sleep(_LOOK_SECONDS)
        return defined

    def _defined(self) -> bytes:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return b""

    def _attach(self, defined: bytes) -> None:
        disk = (f"disk(name = '{_DISK}', type = object_storage, object_storage_type = local,"
                f" metadata_type = plain, path = {clickhouse.text(f'{self._source}/')},"
                " readonly = 1)")
        session = self._engine.session()
        try:
            session.query(f"CREATE DATABASE IF NOT EXISTS {clickhouse.DATABASE}")
            definitions = msgspec.json.decode(defined, type=list[Definition])
            for definition in definitions:
                session.query(definition.attach(disk))
        except BaseException:
            session.query(f"DETACH DATABASE IF EXISTS {clickhouse.DATABASE}")
            session.close()
            raise
        self._session, self._attached = session, defined
        tables = [each for each in definitions if each.engine]
        self._directories = [each.directory(self._source) for each in tables]
        self._names = [each.name for each in tables]
