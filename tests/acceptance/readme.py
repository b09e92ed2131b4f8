"""The README of the original: its examples, and a shell in which they run against a tracker."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.process import TrackerProcess

README = Path(__file__).parents[3] / "shared" / "README-of-the-original.md"
HOSTS = re.compile(r"\blocalhost:(8443|443)\b")


@dataclass(frozen=True, slots=True)
class Example:
    """One fenced block: the heading it stands under, which of that heading's it is, its text."""

    heading: str
    number: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """What tests call it."""
        return self.heading if self.number == 1 else f"{self.heading} ({self.number})"


def examples() -> dict[str, Example]:
    """Every fenced block of the README by name; skips the test where the README is absent."""
    if not README.exists():
        pytest.skip(f"needs {README.name} in ../shared, which is no part of Tracker")
    found: dict[str, Example] = {}
    heading, language = "", ""
    block: list[str] | None = None
    seen: dict[str, int] = {}
    for line in README.read_text().splitlines():
        if line.startswith("```"):
            if block is None:
                block, language = [], line[3:].strip()
            else:
                seen[heading] = seen.get(heading, 0) + 1
                example = Example(heading, seen[heading], language, "\n".join(block))
                found[example.name] = example
                block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    return found


class Shell:
    """Runs examples as a reader would; host and port replaced, `clickhouse client` by ours.

    `folder` gets a directory of commands that stand before those of the system.
    """

    def __init__(self, tracker: TrackerProcess, folder: Path, host: str) -> None:
        self._tracker = tracker
        self._host = host
        self._commands = folder / "commands"
        self._commands.mkdir()
        self._command("clickhouse", f'exec {sys.executable} -m tracker "$@" '
                      f"--config {tracker.folder / 'config.json'}")
        self._command("tracker", f'exec {sys.executable} -m tracker "$@" '
                      f"--config {tracker.folder / 'config.json'}")
        self._command("sleep", ":")  # what flushes waits by itself
        self._command("uuidgen", "exec cat /proc/sys/kernel/random/uuid")

    def _command(self, name: str, text: str) -> None:
        path = self._commands / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def placed(self, text: str) -> str:
        """The text with the tracker's host and port."""
        return HOSTS.sub(self._host, text)

    def run(self, text: str, status: int = 0) -> str:
        """What the lines print; they have to end with `status`, and -k is not needed for HTTP."""
        done = subprocess.run(
            ["bash", "-c", self.placed(text)], capture_output=True, text=True, timeout=120,
            env={**os.environ, "PATH": f"{self._commands}:{os.environ['PATH']}"}, check=False)
        assert status == done.returncode, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout
