"""The demo log, imported twice, gives the totals that are counted here from its text alone."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.importing import run_import
from harness.process import TrackerProcess, running

EXAMPLES = Path(__file__).parents[2] / "examples"
LOG = EXAMPLES / "access.log"
PORTS = {"ProxyExceptHTTP", "QueryPort", "DataDirectory"}
VISIT = timedelta(minutes=30)


def fields() -> list[dict[str, str]]:
    """The lines cut at spaces, brackets and quotes; nothing here is shared with the import."""
    rows = []
    for line in LOG.read_text().splitlines():
        quoted = line.split('"')
        method, target, _ = quoted[1].split(" ")
        status, size = quoted[2].split()
        rows.append({"address": line.split(" ")[0], "time": line[line.index("[") + 1:
                     line.index("]")], "method": method, "target": target, "status": status,
                     "size": size, "referrer": quoted[3], "agent": quoted[5]})
    return rows


def moments(rows: list[dict[str, str]]) -> list[datetime]:
    return [datetime.strptime(row["time"], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC) for row in rows]


def sessions(rows: list[dict[str, str]]) -> int:
    last: dict[tuple[str, str], datetime] = {}
    count = 0
    for row, moment in zip(rows, moments(rows), strict=True):
        who = (row["address"], row["agent"])
        count += who not in last or moment - last[who] > VISIT
        last[who] = moment
    return count


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    config = json.loads((EXAMPLES / "config.json").read_text())
    kept = {key: value for key, value in config.items() if key not in PORTS}
    with running(tmp_path_factory.mktemp("demo"), **kept) as started:
        for known in ("", f", {len(fields())} imported before"):
            said = run_import(started, "--host", "www.bakery.example", str(LOG))
            events = 0 if known else len(fields())
            assert f"{LOG}: {events} events of {len(fields())} lines{known}\n" == said
            started.flush()
        yield started


def counted(tracker: TrackerProcess, key: str, where: str = "1") -> dict[str, int]:
    rows = tracker.sql(f"SELECT toString({key}) AS k, count() AS n FROM sfpla.events"
                       f" WHERE {where} GROUP BY k")
    return {row["k"]: int(row["n"]) for row in rows}


def one(tracker: TrackerProcess, what: str) -> Any:
    return int(tracker.value(f"SELECT {what} FROM sfpla.events"))


@pytest.mark.server
def test_the_demo_gives_the_totals_of_its_log(tracker: TrackerProcess) -> None:
    rows = fields()
    people = {(row["address"], row["agent"]) for row in rows}
    seen = [row["target"].partition("?")[0] for row in rows
            if row["method"] == "GET" and row["status"] in {"200", "304"}]
    pages = Counter(path for path in seen if not path.endswith((".css", ".jpg")))

    assert len(rows) == one(tracker, "count()")
    assert len(people) == one(tracker, "uniqExact(vid)") == one(tracker, "countIf(first)")
    assert sessions(rows) == one(tracker, "uniqExact(sid)")
    assert Counter(f"{moment:%Y-%m-%d}" for moment in moments(rows)) == counted(
        tracker, "toDate(created_at)")
    assert Counter(row["status"] for row in rows) == counted(tracker, "params.status")
    assert Counter(row["method"] for row in rows) == counted(tracker, "params.method")
    assert sum(int(row["size"]) for row in rows if row["size"] != "-") == one(
        tracker, "sum(params.bytes::Int64)")
    assert Counter(row["address"] for row in rows) == counted(tracker, "ip")
    assert pages == counted(tracker, "path(url)", "etyp = 'view'")
    assert Counter(re.findall(r"utm_source=(\w+)", LOG.read_text())) == counted(
        tracker, "source", "source != ''")
    assert sum("CrumbBot" in row["agent"] for row in rows) == one(tracker, "countIf(bot)")
    assert {"www.bakery.example"} == set(counted(tracker, "host"))


@pytest.mark.server
def test_what_is_derived_agrees(tracker: TrackerProcess) -> None:
    total = len(fields())

    assert total == int(tracker.value("SELECT sum(total) FROM sfpla.hits"))
    assert total == int(tracker.value("SELECT sum(accepted) FROM sfpla.accounting"))


def test_the_demo_log_is_what_its_script_makes(tmp_path: Path) -> None:
    made = tmp_path / "access.log"
    subprocess.run([sys.executable, str(EXAMPLES / "make_log.py"), str(made)], check=True)

    assert LOG.read_text() == made.read_text()
