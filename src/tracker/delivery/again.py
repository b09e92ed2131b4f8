"""Lands batches that are still kept in one store once more, after that store has lost some."""

from datetime import datetime
from pathlib import Path

from tracker.alone import alone
from tracker.batches.files import BatchFiles
from tracker.batches.identity import identity
from tracker.delivery.cursor import Cursor
from tracker.errors import TrackerError


def land_again(data: Path, store: str, since: datetime) -> int:
    """Set the cursor of `store` back to the first kept batch sealed at `since` or later.

    The next start lands these batches; gives back how many they are. What the store still has of
    them it knows and skips. Raises `TrackerError` while a tracker runs, and where none is kept.
    """
    with alone(data):
        files = BatchFiles(data / "batches")
        files.open()
        moment = int(since.timestamp() * 1e9)
        kept = {n: manifest.rows for n in files.kept()
                if (manifest := files.manifest(n)) is not None and manifest.sealed_at >= moment}
        if not kept:
            raise TrackerError(f"no batch sealed since {since.isoformat()} is kept; KeepSeconds in"
                               " Spool says how long they stay after all stores have landed them")
        sequencer = identity(files.directory).sequencer
        first = min(kept)
        cursor = Cursor(data / "cursors" / f"{store}.json", sequencer, first)
        cursor.go_back(first, sum(rows for n, rows in kept.items() if n <= cursor.landed))
        return len(kept)
