"""The locks name everything that pyproject.toml asks for, by hash and in a version it allows."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = [*PROJECT["project"]["dependencies"],
       *(wanted for extra in PROJECT["project"]["optional-dependencies"].values()
         for wanted in extra)]
GROUPS = PROJECT["dependency-groups"]
LOCKS = {
    "run": RUN,
    "dev": [*RUN, *GROUPS["test"], *GROUPS["lint"], *GROUPS["bench"],
            *GROUPS["build"]],
    "supply": GROUPS["supply"],
    "fuzz": GROUPS["fuzz"],
    "profile": GROUPS["profile"],
}


def lock(name: str) -> str:
    return (ROOT / "locks" / f"{name}.txt").read_text()


def pins(name: str) -> dict[str, set[str]]:
    """Versions by package; more than one where they differ between Pythons."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.\-]+)(?:\[[^\]]*\])?==(\S+)", lock(name),
                                       re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_locked_in_a_version_it_allows(name: str) -> None:
    pinned = pins(name)
    for wanted in map(Requirement, LOCKS[name]):
        versions = pinned.get(re.sub(r"[-_.]+", "-", wanted.name.lower()), set())
        assert versions, f"{wanted} is not in locks/{name}.txt: make lock"
        assert all(wanted.specifier.contains(version) for version in versions), \
            f"locks/{name}.txt has not what {wanted} asks for: make lock"


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_has_a_hash_and_no_address(name: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", lock(name), flags=re.MULTILINE)[1:]

    assert [] == [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert "://" not in lock(name)


def test_what_runs_is_the_same_in_both_locks() -> None:
    dev = pins("dev")

    assert {} == {name: versions for name, versions in pins("run").items()
                  if versions != dev.get(name)}
