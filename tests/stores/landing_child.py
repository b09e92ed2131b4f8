"""Lands every batch of a directory, from a given one on, and says which are in; gets killed."""

import sys
from pathlib import Path

from harness.batches import read_batch
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine


def main(directory: Path, first: int) -> None:
    """Say `open`, then the number of each batch that has landed."""
    store = ChdbStore("chdb", Engine(directory / "db"))
    store.open()
    print("open", flush=True)
    paths = sorted(directory.glob("*.arrow"))
    for n, path in enumerate(paths[first - 1:], first):
        store.land(read_batch(path, n))
        print(n, flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
