"""What a process beside the tracker can tell of imports: how many lines of each file are sealed."""

from pathlib import Path

import msgspec

from tracker.durable import Files
from tracker.state import read_state


class _Settled(msgspec.Struct):
    n: int = 0
    imports: dict[str, int] = {}


def settled_lines(batches: Path) -> dict[str, int]:
    """File -> lines settled, from all manifests in the directory of batches.

    A tracker may seal and fold meanwhile: what a manifest said before it went, the totals say
    after, and these are read last. Whatever is sealed later the sequencer knows itself.
    """
    lines: dict[str, int] = {}
    for path in [*batches.glob("[0-9]*.json"), batches / "folded"]:
        try:
            found, _ = read_state(Files(), path, _Settled, "restore it from a backup")
        except FileNotFoundError:
            continue
        for file, count in found.imports.items():
            lines[file] = max(count, lines.get(file, 0))
    return lines
