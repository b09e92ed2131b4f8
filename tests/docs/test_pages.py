"""The pages say what the code says, lead nowhere that is not there, and name every key."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.pages import PAGES, ROOT
from tracker.cli import NAMES
from tracker.config.keys import (
    CONSENT_KEYS,
    CURRENCY_KEYS,
    KEYS,
    SERVICE_KEYS,
    SPOOL_KEYS,
)
from tracker.routes import TRACKING_ROUTES
from tracker.schema.tables import VIEWS, stored
from tracker.web.exposition import Exposition

GENERATE = ROOT / "docs" / "generate.py"
REFERENCE = ROOT / "docs" / "reference"
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def reference(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def anchors(page: Path) -> set[str]:
    """Names of headings as web pages of repositories make them."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = HEADING.findall(prose)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def test_the_reference_is_what_the_code_says() -> None:
    checked = subprocess.run([sys.executable, str(GENERATE), "--check"], capture_output=True,
                             text=True, timeout=60, check=False)

    assert (0, "") == (checked.returncode, checked.stdout + checked.stderr)


@pytest.mark.parametrize(("page", "names"), [
    ("config", [f"{key.name}`" for key in (
        *KEYS, *SPOOL_KEYS, *CURRENCY_KEYS, *CONSENT_KEYS, *SERVICE_KEYS)]),
    ("routes", [f"`{route.path(1)}`" for route in TRACKING_ROUTES]),
    ("routes", ["`/ping`", "`/status`", "`/health`", "`/metrics`"]),
    ("tables", [f"`{table.name}`" for table in stored()]),
    ("tables", [f"`{view.name}`" for view in VIEWS]),
    ("cli", [f"## `tracker {name}`" for name in NAMES]),
])
def test_every_name_has_a_line(page: str, names: list[str]) -> None:
    text = reference(page)

    assert [] == [name for name in names if name not in text]


def test_every_metric_of_the_source_has_a_line() -> None:
    module = sys.modules[Exposition.__module__]
    source = Path(str(module.__file__)).read_text()
    names = re.findall(r'_(?:counter|gauge|counters|histogram)\("([a-z_]+)"', source)
    text = reference("metrics")

    assert len(names) > 30
    assert [] == [name for name in names if f"`tracker_{name}" not in text]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{target}#{anchor}"


def test_every_library_is_decided_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    names = [re.split(r"[\[><=]", wanted)[0] for each in lists for wanted in each]
    text = (ROOT / "docs" / "decisions.md").read_text()

    assert [] == [name for name in names if f"\n| {name} |" not in text]


def test_contributing_stays_short_and_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = [path.name for path in (ROOT / "src" / "tracker").iterdir()
             if path.is_dir() and (path / "__init__.py").exists()]

    assert 140 >= text.count("\n")
    assert [] == [room for room in rooms if f"`{room}/`" not in text]
