"""Every target that the README of the original names is there, and does its work."""

import re
import subprocess
from pathlib import Path

from acceptance.readme import examples

ROOT = Path(__file__).parents[1]
TARGETS = re.compile(r"^make ([a-z0-9-]+)", re.MULTILINE)
ELSEWHERE = ("docker-", "cluster-")
"""What needs Docker."""


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make, with the environment of these tests taken for installed."""
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)


def test_the_targets_of_the_readme_are_there() -> None:
    named = {target for example in examples().values() for target in TARGETS.findall(example.text)
             if not target.startswith(ELSEWHERE)}

    assert len(named) >= 19
    for target in sorted(named):
        done = make("--dry-run", target)
        assert 0 == done.returncode, done.stderr


def test_every_target_is_listed_with_what_it_does() -> None:
    listed = make("help").stdout

    for target in ("run", "test", "info", "status", "schema-verify", "test-functional-all"):
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE)
