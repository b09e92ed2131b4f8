from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path, domains=("shop.example",))
    yield made
    made.close()
