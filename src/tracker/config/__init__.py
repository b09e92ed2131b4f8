"""From `config.json` and the environment to `Settings`: read, checked, resolved."""

from tracker.config.load import load
from tracker.config.prepare import prepare

__all__ = ["load", "prepare"]
