"""Pages of the docs taken apart: their blocks of code, each with the mark that stands before it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

_PIECE = re.compile(r"^<!-- (?P<mark>[^>]*?) -->$|^(?P<indent> *)```(?P<language>\w*)\n"
                    r"(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A mark (a comment of one line), or a block of code, and where it begins."""

    line: int
    mark: str | None
    language: str
    text: str
    follows: bool  # nothing but blank lines stands between it and the piece before


def pieces(page: str) -> list[Piece]:
    """All marks and blocks of a page, in order."""
    found: list[Piece] = []
    end = -1
    for match in _PIECE.finditer(page):
        follows = end >= 0 and not page[end:match.start()].strip()
        end = match.end()
        line = page.count("\n", 0, match.start()) + 1
        indent = match["indent"] or ""
        text = re.sub(f"^{indent}", "", match["text"] or "", flags=re.MULTILINE)
        found.append(Piece(line, match["mark"], match["language"] or "", text, follows))
    return found
