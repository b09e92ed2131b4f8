"""Every command in the docs is run as it is printed, and says what the docs say.

Before each block of `bash` stands a mark: `<!-- run -->`, or `<!-- not run: reason -->`. A block of
`text` right behind a block that is run is its output, where `…` stands for anything. A page has a
tracker of its own; `<!-- start with: {…} -->` gives it further keys, `<!-- config -->` before a
block of `json` lays that over its configuration and starts it again, as does `<!-- restart -->`.
`<!-- run until -->` runs a block until it says what stands behind it.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.pages import PAGES, ROOT, Piece, pieces
from harness.process import TrackerProcess, running

SECONDS = 60.0
TRIES = 30
NOTHING = Piece(0, None, "", "", follows=False)
RUN = [page for page in PAGES if "<!-- run -->" in page.read_text()]
COLOUR = re.compile(r"\x1b\[\d*m")
START = re.compile(r"start with: (.*)")


@contextlib.contextmanager
def a_clone(folder: Path, tracker: TrackerProcess) -> Iterator[None]:
    """Make the folder look like a clone after `make install`."""
    bin_directory = folder / ".venv" / "bin"
    bin_directory.mkdir(parents=True)
    for name, call in (("tracker", "-m tracker"), ("python", "")):
        path = bin_directory / name
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {call} "$@"\n')
        path.chmod(0o755)
    (folder / "examples").symlink_to(ROOT / "examples")
    yield
    assert tracker.child is not None


def run(folder: Path, script: str) -> tuple[int, str, str]:
    """Run a script as on a terminal; status, output, errors."""
    reader, terminal = os.openpty()
    with subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=folder, stdout=terminal,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
        os.close(terminal)
        timer = threading.Timer(SECONDS, child.kill)
        timer.start()
        output = b""
        with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
            while piece := os.read(reader, 1 << 16):
                output += piece
        errors = child.communicate()[1]
        timer.cancel()
    os.close(reader)
    return child.returncode, output.decode(), errors.decode()


def ported(text: str, tracker: TrackerProcess) -> str:
    """The text with the ports of this tracker."""
    text = re.sub(r"\b8880\b", str(tracker.port), text)
    return re.sub(r"\b8123\b", str(tracker.query_port), text)


def plain(text: str) -> str:
    """Lines without colours, carriage returns, and white space at their ends."""
    text = COLOUR.sub("", text).replace("\r", "")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def as_pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*?".join(map(re.escape, plain(text).split("…"))), re.DOTALL)


def again(tracker: TrackerProcess, changes: str) -> None:
    tracker.stop()
    tracker.config.update({key: value for key, value in json.loads(changes).items()
                           if key not in {"ProxyExceptHTTP", "QueryPort"}})
    tracker.start()


@pytest.mark.server
@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    found = pieces(page.read_text())
    first = next((START.fullmatch(piece.mark) for piece in found
                  if piece.mark and START.fullmatch(piece.mark)), None)
    with running(tmp_path, **(json.loads(first[1]) if first else {})) as tracker, \
            a_clone(tmp_path, tracker):
        for before, piece, behind in zip([NOTHING, *found], found, [*found[1:], NOTHING],
                                         strict=False):
            mark = before.mark if piece.follows else None
            if piece.mark == "restart":
                again(tracker, "{}")
            elif mark == "config":
                again(tracker, ported(piece.text, tracker))
            elif mark in {"run", "run until"}:
                wanted = behind.text if behind.language == "text" and behind.follows else "…"
                check(tmp_path, tracker, piece, wanted, 1 if mark == "run" else TRIES)


def check(folder: Path, tracker: TrackerProcess, piece: Piece, wanted: str, tries: int) -> None:
    pattern = as_pattern(ported(wanted, tracker))
    for left in reversed(range(tries)):
        status, output, errors = run(folder, ported(piece.text, tracker))
        said = plain(output)
        if status == 0 and pattern.fullmatch(said):
            return
        if left:
            time.sleep(1)
    raise AssertionError(f"line {piece.line}: exit {status}\n{said}\n{errors}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_run_or_says_why_not(page: Path) -> None:
    before = NOTHING
    for piece in pieces(page.read_text()):
        if piece.language == "bash":
            mark = before.mark or ""
            assert piece.follows, f"line {piece.line}: no mark before this block"
            assert re.match(r"run$|run until$|not run: \w+", mark), f"line {piece.line}: {mark}"
        before = piece
