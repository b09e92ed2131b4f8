"""The real traffic beside the project, and what independent counting found in it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "data"
LOG = "access.log.gz"


def require_traffic() -> None:
    """Skip where the project stands alone."""
    if not (FOLDER / LOG).exists():
        pytest.skip(f"needs {LOG} and truth.json in ../shared/data, which are no part of Tracker")


def truth() -> dict[str, Any]:
    """Totals counted without any tracker."""
    return dict(json.loads((FOLDER / "truth.json").read_text())[LOG])


def send(base: str, mode: str) -> dict[str, Any]:
    """Send the log as requests, one after another; gives the client's own count."""
    sent = subprocess.run(
        [sys.executable, str(FOLDER / "to_hits.py"), str(FOLDER / LOG), "--mode", mode,
         "--send", base], capture_output=True, text=True, timeout=240, check=True)
    return dict(json.loads(sent.stdout))
