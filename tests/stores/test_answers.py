"""Each statement that a store sends may fail or lose its answer: every row is there once."""

import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from harness.batches import make_batch
from harness.kept import SUMMED, VISIT, Kept
from tracker.batch import Batch
from tracker.errors import BatchRefused, StoreUnavailable

STRIDE = int(os.environ.get("MODEL_STRIDE", "4"))
ROWS = 4


def land(kept: Kept, batch: Batch) -> bool:
    """As a courier does: again until it lands, or in parts. Whether an error came."""
    try:
        kept.store.land(batch)
    except StoreUnavailable:
        kept.store.land(batch)
    except BatchRefused:
        first, behind = batch.span or (0, batch.table.num_rows)
        land(kept, batch.part(first, (first + behind) // 2))
        land(kept, batch.part((first + behind) // 2, behind))
    else:
        return False
    return True


def counts(kept: Kept) -> dict[str, int]:
    """How often each table that counts says that something happened."""
    def count(what: str, table: str) -> int:
        return int(kept.rows(f"SELECT {what} AS n FROM sfpla.{table}")[0]["n"])

    return {"events": count("count(*)", "events"), "eids": count("count(DISTINCT eid)", "events"),
            "accounting": count("count(*)", "accounting")} | {
        name: count("coalesce(sum(total), 0)", name) for name in SUMMED}


@pytest.mark.parametrize("how", ["failed", "lost", "refused", "slow"])
def test_any_call_to_a_store_may_fail_once(kept: Kept, tmp_path: Path, how: str) -> None:
    n = 0
    for call in itertools.count(1):
        land(kept, make_batch(tmp_path, n := n + 1, rows(n)))
        kept.line.break_at(call, how)
        failed = land(kept, make_batch(tmp_path, n := n + 1, rows(n)))
        if kept.line.is_whole:
            break
        assert failed == (how != "slow")
        kept.connect()
        assert once(n) == counts(kept), call
    assert call > 3


@pytest.mark.parametrize("how", ["failed", "lost", "refused"])
def test_any_call_of_the_first_batch_after_a_start_may_fail_once(
        kept: Kept, tmp_path: Path, how: str) -> None:
    n = 0
    for call in itertools.count(1, STRIDE):
        kept.connect()
        kept.line.break_at(call, how)
        land(kept, make_batch(tmp_path, n := n + 1, rows(n)))
        if kept.line.is_whole:
            break
        assert once(n) == counts(kept), call
    assert call > 3


def once(batches: int) -> dict[str, int]:
    """What tables count after so many batches, each row once."""
    return dict.fromkeys(["events", "eids", *SUMMED], batches * ROWS) | {"accounting": batches}


def rows(n: int) -> list[dict[str, Any]]:
    """Rows each of which every table counts once."""
    return [VISIT | {"vid": f"v{n}-{i}", "uid": f"u{n}-{i}"} for i in range(ROWS)]
