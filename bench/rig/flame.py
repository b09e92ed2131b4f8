"""Flame graphs as small SVGs without scripts: of folded stacks, as profilers write them.

A line of folded stacks is `outermost;…;innermost COUNT`, a frame `function (file:line)`. Lines of
one function are drawn as one frame; what is narrower than a share of the whole is left out.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH = 1200
_ROW, _LETTER, _PAD = 17, 6.1, 3
_LINE = re.compile(r":\d+\)$")
_THREAD = re.compile(r"^thread \(\w+\)(?:: )?")
_NUMBERED = re.compile(r"_\d+$")
_START = re.compile(r"^(Thread\.(_bootstrap|_bootstrap_inner|run) |<module> |main \(tracker/child)")
_OURS = "(tracker/"


@dataclass(slots=True)
class Frame:
    """A function under its callers; `samples` are those of what it called too."""

    name: str
    samples: int = 0
    callees: "dict[str, Frame]" = field(default_factory=dict)

    def callee(self, name: str) -> "Frame":
        """The frame of what it called, made where there is none."""
        return self.callees.setdefault(name, Frame(name))


def read(folded: str, name: str) -> Frame:
    """All stacks as one tree under `name`; threads of a pool are one."""
    root = Frame(name)
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frame = root
        frame.samples += int(count)
        for part in stack.split(";"):
            called = _NUMBERED.sub("", _THREAD.sub("", _LINE.sub(")", part)))
            if not _START.match(called):
                frame = frame.callee(called or "threads without a name")
                frame.samples += int(count)
    return root


def draw(root: Frame, least: float) -> str:
    """The SVG; frames below the share `least` are left out, and rows that then are empty."""
    boxes = list(_boxes(root, 0.0, 0, max(root.samples, 1), least))
    height = (1 + max(row for row, *_ in boxes)) * _ROW
    drawn = "\n".join(_box(height - (row + 1) * _ROW, left, share, frame)
                      for row, left, share, frame in boxes)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'font-family="monospace" font-size="10" fill="#1b1b1b">\n{drawn}\n</svg>\n')


def _boxes(frame: Frame, left: float, row: int, whole: int, least: float,
           ) -> Iterator[tuple[int, float, float, Frame]]:
    """Row, left edge and width (shares of the whole) of each frame that is wide enough."""
    share = frame.samples / whole
    if share < least:
        return
    yield row, left, share, frame
    for callee in sorted(frame.callees.values(), key=lambda each: each.name):
        yield from _boxes(callee, left, row + 1, whole, least)
        left += callee.samples / whole


def _box(top: int, left: float, share: float, frame: Frame) -> str:
    width = share * WIDTH
    letters = int((width - 2 * _PAD) / _LETTER)
    text = frame.name if len(frame.name) <= letters else f"{frame.name[:max(letters - 1, 0)]}…"
    shown = (f'<text x="{left * WIDTH + _PAD:.1f}" y="{top + _ROW - 5}">{escape(text)}</text>'
             if letters > 2 else "")
    return (f"<g><title>{escape(frame.name)}: {share:.1%}</title>"
            f'<rect x="{left * WIDTH:.1f}" y="{top}" width="{max(width - 0.5, 0.5):.1f}" '
            f'height="{_ROW - 1}" fill="{_colour(frame.name)}"/>{shown}</g>')


def _colour(name: str) -> str:
    """Our functions are orange, others grey; neighbours differ a little."""
    shade = zlib.crc32(name.encode()) % 24
    return (f"hsl({24 + shade},80%,{66 + shade // 4}%)" if _OURS in name
            else f"hsl(210,12%,{70 + shade // 2}%)")
