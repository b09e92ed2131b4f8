"""`tracker status` says how a running tracker is, and by its exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.process import TrackerProcess, free_port, running
from tracker.cli import run
from tracker.status import describe

WELL: dict[str, Any] = {
    "status": "ok",
    "spool": {"accepting": True, "workers": 1, "last_error": None, "corrupt": 0},
    "stores": {"chdb": {"reachable": True, "suspended": False, "lag_events": 1,
                        "lag_seconds": 0.25, "last_error": None}},
    "queries": {"answering": True, "confined": True},
}


def test_a_tracker_that_runs_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path, ProxyPortTLS=f"127.0.0.1:{free_port()}") as tracker:
        config = str(tmp_path / "config.json")
        assert 0 == run(["status", "--config", config])
        assert capsys.readouterr().out.startswith("status   ok\nedge     takes events, 1 worker\n"
                                                  "store    chdb lands, 0 events behind")
        tls = tracker.config["ProxyPortTLS"]
        assert 0 == run(["status", "--url", f"https://{tls}/health"])
        assert 1 == run(["status", "--url", f"{tracker.url}/ping"])
        assert "is no tracker" in capsys.readouterr().err


def test_a_tracker_that_does_not_run_is_named(tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    made = TrackerProcess(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(made.config))

    assert 2 == run(["status", "--config", str(tmp_path / "config.json")])
    assert f"nothing answers at {made.url}/health" in capsys.readouterr().err


def test_only_web_addresses_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == run(["status", "--url", "file:///etc/passwd"])
    assert "write http://… or https://…" in capsys.readouterr().err


def test_what_is_wrong_is_told() -> None:
    store = {"reachable": False, "suspended": False, "lag_events": 1200, "lag_seconds": 7.0,
             "last_error": "it is away"}
    told = describe({"status": "failing", "stores": {"duckdb": store}, "queries": {
        "answering": False}, "spool": {"accepting": False, "workers": 2, "corrupt": 1,
                                       "last_error": "no space"}})

    assert ["status   failing", "edge     takes nothing, 2 workers", "         no space",
            "         1 damaged record found and set aside",
            "store    duckdb is away, 1,200 events behind (7.0 s)", "         it is away",
            "queries  are not answered"] == told


def test_a_start_is_told_as_one() -> None:
    store = {"reachable": False, "suspended": False, "lag_events": None, "lag_seconds": None,
             "last_error": None}
    told = describe(WELL | {"status": "starting", "stores": {"chdb": store},
                            "queries": {"answering": False}})

    assert ["status   starting", "edge     takes events, 1 worker", "store    chdb is not open yet",
            "queries  are not answered yet"] == told


def test_a_store_that_lands_is_told_in_a_line() -> None:
    assert ["status   ok", "edge     takes events, 1 worker",
            "store    chdb lands, 1 event behind (0.2 s)", "queries  are answered"
            ] == describe(WELL)
