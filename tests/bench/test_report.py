"""What is shown of the results."""

import json
from dataclasses import replace

import pytest

from bench.rig import report
from bench.rig.bench import Bench
from bench.rig.report import Entry
from bench.rig.scenario import Figure, Result, Scenario
from bench.scenarios import SCENARIOS

FACTS: dict[str, object] = {"cpu": "A CPU", "cores": 2, "kernel": "6.1", "filesystem": "ext4",
                            "python": "3.11.7", "packages": {"uvloop": "0.23"}}


def measure(bench: Bench, scenario: Scenario) -> Result:
    raise NotImplementedError


FASTER = Scenario("fast", "More is better.", measure, floor=0.4, goal=0.55)
SLOWER = Scenario("slow", "Less is better.", measure, lower=True, unit="ms", floor=10, goal=4)


def entry(scenario: Scenario, score: float, **more: object) -> Entry:
    result = Result(Figure("tracker", "events/s", (score, score * 2, score * 3)), score)
    return Entry(scenario, replace(result, **more), None, 0.0001, 0.0003)  # type: ignore[arg-type]  # named fields of Result


@pytest.mark.parametrize(("scenario", "score", "said"), [
    (FASTER, 0.3, "below its floor"), (FASTER, 0.4, "floor reached"),
    (FASTER, 0.55, "goal reached"), (SLOWER, 11, "below its floor"),
    (SLOWER, 10, "floor reached"), (SLOWER, 4, "goal reached"),
    (replace(FASTER, goal=None), 0.6, "floor reached"),
    (replace(FASTER, floor=None, goal=None), 0.6, "-"),
])
def test_a_score_is_held_against_floor_and_goal(
        scenario: Scenario, score: float, said: str) -> None:
    assert said == report.verdict(entry(scenario, score))


def test_a_fault_outweighs_any_speed() -> None:
    found = entry(FASTER, 9.0, faults=["1 of 2 accepted events landed"])

    assert found.failed
    assert "FAILED" == report.verdict(found)
    assert "FAILED: 1 of 2 accepted events landed" in report.block(found)


def test_a_scenario_without_result_has_failed_and_says_why() -> None:
    found = Entry(FASTER, None, "LoadFailed: refused", 0.0001, 0.0003)

    assert found.failed
    assert "FAILED: LoadFailed: refused" in report.block(found)
    assert "FAILED" in report.table([found])[1]


def test_a_smoke_run_judges_no_speed() -> None:
    assert "works" == report.verdict(entry(FASTER, 0.001), smoke=True)


@pytest.mark.parametrize(("value", "text"), [
    (25_574.4, "25,574"), (372, "372"), (19.23, "19.2"), (4.567, "4.57"), (0.5432, "0.543"),
    (float("nan"), "-")])
def test_figures_are_as_long_as_they_are_true(value: float, text: str) -> None:
    assert text == report.number(value)


def test_the_table_has_the_sync_of_the_disk_beside_each_figure() -> None:
    head, row = report.table([entry(FASTER, 0.5)])

    assert "sync p50 / p99 ms" == head[-1]
    assert "0.10 / 0.30" == row[-1]


def test_markdown_is_a_table_with_the_machine_above_it() -> None:
    lines = report.markdown(report.table([entry(FASTER, 0.5)]), FACTS, "2026-01-02").splitlines()

    assert ("Measured on 2026-01-02: A CPU, 2 cores, Linux 6.1, ext4, Python 3.11.7; uvloop 0.23."
            == lines[0])
    assert 8 == lines[3].count("---")
    assert 9 == lines[4].count("|")


def test_a_page_gets_the_new_table_in_place_of_the_old_one() -> None:
    page = f"# Speed\n{report.BEGIN}\nold\n{report.END}\nmore\n"

    assert f"# Speed\n{report.BEGIN}\nnew\n{report.END}\nmore\n" == report.place(page, "new")


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        report.place("# Speed\n", "new")


def test_results_are_json_that_says_all() -> None:
    said = json.loads(json.dumps(report.document(
        [entry(FASTER, 0.5), Entry(SLOWER, None, "gone", 0.1, 0.2)], FACTS, {"rounds": 5})))

    assert "A CPU" == said["machine"]["cpu"]
    assert [0.5, 1.0, 1.5] == said["scenarios"][0]["ours"]["values"]
    assert "gone" == said["scenarios"][1]["error"]


def test_every_scenario_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [scenario.name for scenario in SCENARIOS]

    assert len(set(names)) == len(names)
    assert all(scenario.about.endswith((".", "…")) for scenario in SCENARIOS)


def test_the_landing_lag_is_measured_after_the_rate_it_needs() -> None:
    names = [scenario.name for scenario in SCENARIOS]

    assert names.index("sustained") < names.index("landing-lag")
