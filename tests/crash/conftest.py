"""Small pauses and small bounds, so that a test of the model sees much in little time."""

import pytest


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """For pipelines in this process."""
    for module in ("writer", "maker"):
        monkeypatch.setattr(f"tracker.spool.{module}.RETRY_SECONDS", 0.002)
    monkeypatch.setattr("tracker.spool.maker._PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("tracker.batches.sequencer._RETRY_SECONDS", 0.002)
    monkeypatch.setattr("tracker.batches.files.KEPT_MANIFESTS", 3)
    monkeypatch.setattr("tracker.batches.gate._FAN", 3)
    monkeypatch.setattr("tracker.delivery.courier._FIRST_PAUSE", 0.002)
    monkeypatch.setattr("tracker.delivery.courier._LONGEST_PAUSE", 0.002)
