"""docs/performance.md and README.md: what runs write into them, between marks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.rig import machine

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
FRONT = ROOT / "README.md"
_BEGIN, _END = "<!-- {name}: begin", "<!-- {name}: end -->"


def grid(rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; the first row are the heads."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])


def place(text: str, name: str, content: str) -> str:
    """The page with `content` between the two marks of `name`; raises `ValueError` without them."""
    first, last = _BEGIN.format(name=name), _END.format(name=name)
    before, begin, rest = text.partition(first)
    said, line_end, old = rest.partition("\n")
    _, end, after = old.partition(last)
    if not begin or not end:
        raise ValueError(f"the page has no place for it: add the lines {first} --> and {last}")
    return f"{before}{first}{said}{line_end}{content}\n{last}{after}"


def put(name: str, content: str, path: Path = PAGE) -> None:
    """Write `content` into a page between the marks of `name`."""
    path.write_text(place(path.read_text(), name, content))


def origin(directory: Path) -> str:
    """When and on what figures of now were measured; `directory` is where data was written."""
    facts = machine.facts(directory)
    return (f"{datetime.now(UTC):%Y-%m-%d}: {facts['cpu']}, {facts['cores']} cores, Linux"
            f" {facts['kernel']}, {facts['filesystem']}, Python {facts['python']}"
            f" (commit {facts['commit']})")
