"""What every room's tests may share: the one embedded engine of the test run."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tracker.stores.engine import Engine

settings.register_profile("ci", derandomize=True)  # the same examples every time
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine; a process has but one, at one path, so tests take a database each."""
    engine = Engine(tmp_path_factory.mktemp("engine") / "db", memory_bytes=3_000_000_000)
    engine.open()
    yield engine
    engine.close()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are called by their place: some hold a moment or a mask, and names must stay."""
    return argname if isinstance(val, bytes) else None
