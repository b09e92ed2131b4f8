"""Makes a large store of a small one: events again and again, of other visitors and on other days.

The engine belongs to one process, so this runs while the tracker is stopped:

    python -m bench.rig.fill ENGINE-DIRECTORY ROWS

The rows go through `INSERT … SELECT` into `events`; what is derived follows by its views, as when
a batch lands. Prints how many events the store holds then.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tracker.schema.clickhouse import DATABASE, event_names, quoted
from tracker.stores.statements import Statements

_DAYS = 30
_SEED_ROWS = 100_000
_SETTINGS = "SETTINGS async_insert = 0, deduplicate_insert = 'disable', max_threads = 2"
_SEED, _EVENTS = f"{DATABASE}.bench_seed", f"{DATABASE}.events"
_OTHER = {  # what differs from the seed in copy number {0}, which is a day of its own
    "eid": "generateUUIDv4()", "vid": "concat(vid, '-{0}')", "sid": "concat(sid, '-{0}')",
    "created_at": "created_at - toIntervalDay({0} % {1})",
    "received_at": "received_at - toIntervalDay({0} % {1})",
}


def fill(engine: Statements, rows: int) -> int:
    """Add events until there are `rows`; gives how many there are.

    Some of those that are there are the seed: each copy takes all of them.
    """
    found = _count(engine, _EVENTS)
    engine.execute(f"CREATE TABLE {_SEED} AS {_EVENTS}")
    engine.execute(f"INSERT INTO {_SEED} SELECT * FROM {_EVENTS} LIMIT {_SEED_ROWS} {_SETTINGS}")
    seed = _count(engine, _SEED)
    names = event_names()
    listed = ", ".join(map(quoted, (*names, "sequencer", "batch")))
    while found < rows:
        number = found // seed
        values = ", ".join(_OTHER.get(name, quoted(name)).format(number, _DAYS) for name in names)
        engine.execute(f"INSERT INTO {_EVENTS} ({listed}) SELECT {values}, sequencer, batch"
                       f" FROM {_SEED} LIMIT {rows - found} {_SETTINGS}")
        found += min(seed, rows - found)
    engine.execute(f"DROP TABLE {_SEED} SYNC")
    return _count(engine, _EVENTS)


def _count(engine: Statements, table: str) -> int:
    return int(str(engine.rows(f"SELECT count() AS n FROM {table}")[0]["n"]))


def main(arguments: Sequence[str]) -> None:
    """Fill one directory."""
    directory, rows = arguments
    with Statements(Path(directory)) as engine:
        print(fill(engine, int(rows)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
