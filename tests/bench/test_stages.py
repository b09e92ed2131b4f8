"""Where the store process's time goes: the published table."""

from pathlib import Path

import pytest

from bench import stages
from bench.rig.apart import apart


def test_stages_of_one_line_are_added_up_and_the_median_of_all_runs_counts() -> None:
    runs = [{"refine: date": 1.0, "refine: clean": taken, "refine: take": 0.5, "all": 9.0}
            for taken in (1.0, 2.0, 4.0)]

    lines = {name: rest for name, *rest in stages.table(runs)}

    assert ["3.0", "2.0 to 5.0"] == lines["refine: all other steps"]
    assert ["0.5", "0.5 to 0.5"] == lines["refine: take known names"]
    assert ["9.0", "9.0 to 9.0"] == lines["all"]


@pytest.mark.parametrize(("stage", "line"), [
    ("insert: tables of hashes", "insert: `events` and its derived tables"),
    ("insert: accounting", "insert: `accounting`; the courier"),
    ("courier: open the batch file", "insert: `accounting`; the courier")])
def test_each_stage_is_part_of_a_line(stage: str, line: str) -> None:
    assert line == stages.line_of(stage)


def test_the_stages_of_a_run_have_a_line_each_and_make_up_nearly_all_of_its_time(
        tmp_path: Path) -> None:
    found = apart(stages.run, 200, 2, tmp_path, log=False)

    whole = found.pop("all")
    assert {"refine: take known names", "seal: write the Arrow file, sync",
            "insert: `events` and its derived tables"} <= {stages.line_of(each) for each in found}
    assert 0.8 * whole < sum(found.values()) <= whole * 1.001
