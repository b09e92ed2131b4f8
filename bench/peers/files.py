"""Appending to a file and inserting into SQLite: what durability costs with nothing around it.

No server and no network: a loop in a process of its own on the servers' core, `drive`, or

    python -m bench.peers.files append|sqlite GROUP SECONDS DIRECTORY BODY-FILE
"""

import json
import os
import sqlite3
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rig.figures import percentile
from bench.rig.payloads import EVENT
from bench.rig.window import run_module
from bench.rig.wrk import Outcome

if TYPE_CHECKING:
    from bench.rig.bench import Bench


@dataclass(frozen=True, slots=True)
class Disk:
    """`way` is a name of `WAYS`; `group` events share one sync."""

    way: str
    group: int
    folder: Path
    core: int

    def processes(self) -> dict[str, int]:
        """None that outlives a round."""
        return {}

    def drive(self, seconds: float, cores: Sequence[int]) -> Outcome:
        """A round, on the core of the servers: there is no load beside it."""
        del cores
        return run_module("bench.peers.files", (
            self.way, str(self.group), str(seconds), str(self.folder), str(self.folder / "body")),
            seconds, [self.core])

    def kept(self) -> int:
        """Events on disk."""
        if self.way == "append":
            return lines_of(self.folder / "events")
        with sqlite3.connect(self.folder / "events.db") as database:
            return int(database.execute("SELECT count(*) FROM events").fetchone()[0])

    def stop(self) -> None:
        """Nothing runs between rounds."""


def disk(bench: "Bench", folder: Path, *, way: str, group: int) -> Disk:
    """One of the ways, in a folder of its own."""
    folder.mkdir(parents=True)
    (folder / "body").write_text(EVENT)
    return Disk(way, group, folder, bench.cores.server)


def append(directory: Path, body: bytes, group: int) -> Callable[[], None]:
    """What appends `group` lines to a growing file and syncs it once."""
    descriptor = os.open(directory / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    lines = (body + b"\n") * group

    def run() -> None:
        os.write(descriptor, lines)
        os.fdatasync(descriptor)
    return run


def sqlite(directory: Path, body: bytes, group: int) -> Callable[[], None]:
    """What inserts `group` rows in one transaction that is synced (WAL, synchronous=FULL)."""
    database = sqlite3.connect(directory / "events.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, body TEXT)")
    rows = [(body.decode(),)] * group

    def run() -> None:
        database.execute("BEGIN")
        database.executemany("INSERT INTO events (body) VALUES (?)", rows)
        database.execute("COMMIT")
    return run


WAYS: dict[str, Callable[[Path, bytes, int], Callable[[], None]]] = {
    "append": append, "sqlite": sqlite}


def lines_of(path: Path) -> int:
    """How many lines a file has."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def repeat(run: Callable[[], None], group: int, seconds: float) -> Outcome:
    """Run one after the other for so long."""
    taken = array("d")
    start = before = time.perf_counter()
    while before - start < seconds:
        run()
        now = time.perf_counter()
        taken.append(now - before)
        before = now
    return Outcome(len(taken) * group, before - start, 0, 0, percentile(taken, 0.5),
                   percentile(taken, 0.99), max(taken))


def main(arguments: Sequence[str]) -> None:
    """Run once and print the outcome as JSON."""
    way, group, seconds, directory, body = arguments
    run = WAYS[way](Path(directory), Path(body).read_bytes(), int(group))
    sys.stdout.write(json.dumps(asdict(repeat(run, int(group), float(seconds)))))


if __name__ == "__main__":
    main(sys.argv[1:])
