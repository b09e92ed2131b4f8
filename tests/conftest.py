"""What every room's tests may share: the one embedded engine of the test run."""

from collections.abc import Iterator

import pytest

from tracker.stores.engine import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine; a process has but one, at one path, so tests take a database each."""
    engine = Engine(tmp_path_factory.mktemp("engine") / "db", memory_bytes=3_000_000_000)
    engine.open()
    yield engine
    engine.close()
