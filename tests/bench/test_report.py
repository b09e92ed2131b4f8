"""What is shown of the results."""

import json
import math
from dataclasses import replace

import pytest

from bench.rig import report
from bench.rig.bench import Bench
from bench.rig.report import Entry
from bench.rig.scenario import Figure, Result, Rival, Scenario
from bench.scenarios import SCENARIOS

FACTS: dict[str, object] = {"cpu": "A CPU", "cores": 2, "kernel": "6.1", "filesystem": "ext4",
                            "python": "3.11.7", "packages": {"uvloop": "0.23"},
                            "programs": {"nginx": "1.22"}, "commit": "abc"}


def measure(bench: Bench, scenario: Scenario) -> Result:
    raise AssertionError(scenario)  # reports are made of results


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
    (replace(FASTER, floor=None), 0.5, "goal missed"),
    (FASTER, math.nan, "not measured"),
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


def test_markdown_has_the_machine_above_tables_and_charts() -> None:
    said = report.markdown([report.table([entry(FASTER, 0.5)]), []], [("Rates", "charts/x.svg")],
                           FACTS, "2026-01-02").split("\n\n")

    assert ("Measured on 2026-01-02: A CPU, 2 cores, Linux 6.1, ext4, Python 3.11.7; uvloop 0.23"
            " (commit abc). Beside it: nginx 1.22.") == said[0]
    assert 8 == said[1].splitlines()[1].count("---")
    assert 9 == said[1].splitlines()[2].count("|")
    assert ["![Rates](charts/x.svg)"] == said[2:]


def test_the_cpu_of_each_process_stands_beside_that_of_nginx() -> None:
    found = {name: Figure(name, "µs a request", (taken,)) for name, taken in
             (("CPU of the edge", 16.0), ("CPU of nginx", 9.5), ("CPU of the store", 20.0))}
    whole = entry(FASTER, 0.5, more=list(found.values()))

    assert ["fast", "16.0", "20.0", "9.50"] == report.cpu_table([whole, entry(SLOWER, 5)])[1]
    assert [] == report.cpu_table([entry(FASTER, 0.5, more=[found["CPU of nginx"]])])


def test_the_evidence_has_the_figures_of_the_promise_or_is_not_told() -> None:
    measured = [replace(entry(FASTER, 0.5), scenario=replace(FASTER, name=name))
                for name in ("post", "sustained", "landing-lag")]

    said = report.evidence(measured, FACTS, "2026-01-02")

    assert said is not None
    assert "on 2 cores of A CPU:" in said
    assert "**1.00 events/s**, one in each request" in said
    assert "0.500 of what an nginx" in said
    assert report.evidence(measured[1:], FACTS, "2026-01-02") is None
    broken = replace(measured[0], result=None, error="LoadFailed")
    assert report.evidence([broken, *measured[1:]], FACTS, "2026-01-02") is None


def test_each_peer_stands_beside_its_guarantee_and_what_was_found_of_its_answers() -> None:
    rival = Rival("Pipe", "on disk", True, Figure("Pipe", "events/s", (1.0, 2.0, 3.0)), 0.25, 4.5,
                  17.0, 0.5)
    head, row = report.rivals_table([entry(FASTER, 0.5, rivals=[rival])])

    assert len(head) == len(row)
    assert ["fast", "Pipe", "on disk", "1.00 / 2.00 / 3.00", "0.500 / 1.00 / 1.50", "0.250",
            "4.50", "17.0", "50.0%"] == row


def test_questions_of_a_dashboard_have_a_column_for_each_size() -> None:
    small, large = (replace(SLOWER, name=f"dashboard-{rows}", rows=rows) for rows in (1000, 50_000))
    asked = [Figure("top pages", "s", (0.1,)), Figure("events in the store", "", (1000.0,))]

    assert [["question", "1,000 events: s, min / median / max",
             "50,000 events: s, min / median / max"], ["top pages", "0.100", "0.100"]
            ] == report.questions_table([entry(small, 1, more=asked), entry(large, 1, more=asked)])


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
    assert names.index("sustained") < names.index("memory-loaded")


def test_every_scenario_is_run_by_some_target() -> None:
    assert ["soak"] == [scenario.name for scenario in SCENARIOS
                        if not (scenario.short or scenario.full)]  # it has a target of its own
