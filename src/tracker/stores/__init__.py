"""One file per store, each independent of the others."""

from collections.abc import Callable
from pathlib import Path

from tracker.places import Places
from tracker.settings import Settings, StoreSettings
from tracker.stores.base import Store
from tracker.stores.engine import Engine

Opener = Callable[[StoreSettings, Path, Engine | None], Store]


def _chdb(store: StoreSettings, data: Path, engine: Engine | None) -> Store:
    from tracker.stores.chdb import ChdbStore  # noqa: PLC0415 - only the store process loads it

    assert engine is not None
    return ChdbStore(store.name, engine, told=Places(data).tables)


def _duckdb(store: StoreSettings, data: Path, _: Engine | None) -> Store:
    from tracker.stores.duckdb import DuckStore  # noqa: PLC0415 - an extra that may be missing

    return DuckStore(store, data / "duckdb")


KINDS: dict[str, Opener] = {"chdb": _chdb, "duckdb": _duckdb}
"""Every service that a store stands behind."""


def open_engine(settings: Settings) -> Engine | None:
    """The embedded engine, not started yet, if a store needs it."""
    if any(store.service == "chdb" for store in settings.stores):
        return Engine(Places(settings.data_directory).engine)
    return None


def open_store(store: StoreSettings, data: Path, engine: Engine | None) -> Store:
    """The store that `store` describes, not connected yet."""
    return KINDS[store.service](store, data, engine)
