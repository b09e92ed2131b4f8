"""A tracker per module, and proof after its last attack that all good events landed once."""

from collections.abc import Iterator

import pytest

from harness.attack import Goods, memory, worker_of
from harness.process import TrackerProcess, running

GROWTH_MB = 450
"""What a worker may have grown by after all attacks of a module: bodies that arrive may take 256 MB
together, and the allocator keeps some of what was freed."""


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    with running(tmp_path_factory.mktemp("attack"), Workers=1) as tracker:
        yield tracker


@pytest.fixture(scope="module")
def goods(tracker: TrackerProcess) -> Iterator[Goods]:
    goods = Goods(tracker)
    worker, before = worker_of(tracker), memory(worker_of(tracker))
    yield goods
    goods.send()
    goods.check()
    assert worker == worker_of(tracker), "the worker died"
    assert memory(worker) - before < GROWTH_MB
