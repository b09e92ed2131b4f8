"""What is shown of the results: blocks on the terminal, a table, JSON, Markdown."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.rig.page import grid
from bench.rig.scenario import Figure, Result, Scenario

DASHBOARD = "dashboard-"
"""How the names of scenarios begin that ask the same questions of stores of several sizes."""

SOAK = "soak"
"""The scenario that watches what grows."""

_PROCESSES = {"worker": "CPU of the edge", "store process": "CPU of the store",
              "nginx": "CPU of nginx"}
_LABEL = 36
_NONE = "-"


@dataclass(frozen=True, slots=True)
class Entry:
    """One scenario that was run: its result, or why there is none; the disk's sync beside it."""

    scenario: Scenario
    result: Result | None
    error: str | None
    sync_p50: float
    sync_p99: float

    @property
    def failed(self) -> bool:
        """Whether it did not work, whatever its speed."""
        return self.result is None or bool(self.result.faults)


def number(value: float) -> str:
    """A figure as people read it: three digits that count, or all before the point."""
    if math.isnan(value):
        return _NONE
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def spread(figure: Figure | None) -> str:
    """Least / median / most, or the one value."""
    if figure is None:
        return _NONE
    if not figure.values:
        return _NONE
    found = figure.spread
    if len(figure.values) == 1:
        return number(found.median)
    return f"{number(found.least)} / {number(found.median)} / {number(found.most)}"


def verdict(entry: Entry, *, smoke: bool = False) -> str:
    """What floor and goal say; of a smoke run only whether it worked."""
    if entry.result is None or entry.result.faults:
        return "FAILED"
    if math.isnan(entry.result.score):
        return "not measured"
    return "works" if smoke else _judge(entry.scenario, entry.result.score)


def _judge(scenario: Scenario, score: float) -> str:
    if scenario.reaches(score, scenario.floor) is False:
        return "below its floor"
    if scenario.reaches(score, scenario.goal):
        return "goal reached"
    if scenario.floor is not None:
        return "floor reached"
    return _NONE if scenario.goal is None else "goal missed"


def block(entry: Entry) -> str:
    """All that is known of one scenario."""
    lines = [f"{entry.scenario.name}: {entry.scenario.about}"]
    if entry.error is not None:
        lines.append(f"  FAILED: {entry.error}")
    if entry.result is not None:
        result = entry.result
        figures = [result.ours, *([result.peer] if result.peer and not result.rivals else []),
                   *(rival.rate for rival in result.rivals), *result.more]
        lines += [f"  {figure.label:{_LABEL}} {spread(figure)} {figure.unit}".rstrip()
                  for figure in figures if figure.values]
        lines += [f"  note: {note}" for note in result.notes]
        lines += [f"  FAILED: {fault}" for fault in result.faults]
    lines.append(f"  {'disk sync, p50 / p99':{_LABEL}} {_sync(entry)} ms")
    return "\n".join(lines)


def table(entries: Sequence[Entry], *, smoke: bool = False) -> list[list[str]]:
    """The summary as rows of cells, the first of them the heads."""
    rows = [["scenario", "tracker: min / median / max", "peer or limit: min / median / max",
             "score", "floor", "goal", "verdict", "sync p50 / p99 ms"]]
    for entry in entries:
        scenario, result = entry.scenario, entry.result
        rows.append([
            scenario.name,
            f"{spread(result.ours)} {result.ours.unit}" if result else _NONE,
            f"{spread(result.peer)} ({result.peer.label})" if result and result.peer else _NONE,
            f"{number(result.score)} {scenario.unit}" if result else _NONE,
            number(scenario.floor) if scenario.floor is not None else _NONE,
            number(scenario.goal) if scenario.goal is not None else _NONE,
            verdict(entry, smoke=smoke), _sync(entry)])
    return rows


def rivals_table(entries: Sequence[Entry]) -> list[list[str]]:
    """Every peer with its guarantee as rows of cells, the first the heads; empty without peers."""
    rows = [["scenario", "peer", "what its answer promises", "peer: events/s, min / median / max",
             "tracker: events/s, min / median / max", "tracker / peer", "p99 ms", "CPU µs an event",
             "of its answers found"]]
    for entry in entries:
        if entry.result is None:
            continue
        rows += [[entry.scenario.name, rival.name, rival.promise, spread(rival.rate),
                  spread(entry.result.ours), number(rival.ratio), number(rival.p99),
                  _NONE if rival.micros is None else number(rival.micros),
                  _NONE if rival.kept is None else f"{min(rival.kept, 1):.1%}"]
                 for rival in entry.result.rivals]
    return rows if len(rows) > 1 else []


def cpu_table(entries: Sequence[Entry]) -> list[list[str]]:
    """CPU of a request in each process, of scenarios beside nginx; empty without one."""
    rows = [["CPU, µs a request: min / median / max", *_PROCESSES]]
    for entry in entries:
        found = {figure.label: figure for figure in entry.result.more} if entry.result else {}
        if all(label in found for label in _PROCESSES.values()):
            rows.append([entry.scenario.name,
                         *(spread(found[label]) for label in _PROCESSES.values())])
    return rows if len(rows) > 1 else []


def evidence(entries: Sequence[Entry], facts: dict[str, object], date: str) -> str | None:
    """What stands behind the promise, in sentences; None where a scenario of it was not measured.

    Links are those of a page in the root of the repository.
    """
    scores = {entry.scenario.name: (entry.result.ours.spread.median, entry.result.score)
              for entry in entries if entry.result is not None and not entry.failed}
    if not {"post", "sustained", "landing-lag"} <= scores.keys():
        return None
    post, ratio = scores["post"]
    return (f"[Measured](docs/performance.md#results) on {date} on {facts['cores']} cores of"
            f" {facts['cpu']}:\n\n"
            f"- **{number(post)} events/s**, one in each request and each synced before its answer,"
            f" by one worker: {number(ratio)} of what an nginx answers there that keeps nothing.\n"
            f"- **{number(scores['sustained'][1])} events/s** from the request into every table,"
            " with the load on the same cores.\n"
            f"- **{number(scores['landing-lag'][1])} s** from an answer until SQL finds the event,"
            " at half of that, for 99 of 100.")


def questions_table(entries: Sequence[Entry]) -> list[list[str]]:
    """Seconds of each question of a dashboard, a column for each size; empty if none was asked."""
    asked = [(entry.scenario, entry.result) for entry in entries
             if entry.result is not None and entry.scenario.name.startswith(DASHBOARD)]
    if not asked:
        return []
    rows = [["question", *(f"{scenario.rows:,} events: s, min / median / max"
                           for scenario, _ in asked)]]
    for at, figure in enumerate(asked[0][1].more):
        if figure.unit == "s":
            rows.append([figure.label, *(spread(result.more[at]) for _, result in asked)])
    return rows


def growth_table(entries: Sequence[Entry]) -> list[list[str]]:
    """All that a soak watched; empty if there was none."""
    soaks = [entry.result for entry in entries if entry.scenario.name == SOAK and entry.result]
    rows = [["quantity", "min / median / max", "unit"]]
    rows += [[figure.label.strip(), spread(figure), figure.unit]
             for result in soaks for figure in (result.ours, *result.more) if figure.values]
    return rows if soaks else []


def plain(rows: Sequence[Sequence[str]]) -> str:
    """A table for the terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in
                               zip(row, widths, strict=True)).rstrip() for row in rows)


def markdown(tables: Sequence[Sequence[Sequence[str]]], charts: Sequence[tuple[str, str]],
             facts: dict[str, object], date: str) -> str:
    """Tables and charts (title, place) for a page, with what they were measured on above them."""
    packages, programs = (_listed(facts[key]) for key in ("packages", "programs"))
    where = (f"Measured on {date}: {facts['cpu']}, {facts['cores']} cores, Linux"
             f" {facts['kernel']}, {facts['filesystem']}, Python {facts['python']}; {packages}"
             f" (commit {facts['commit']})."
             f" Beside it: {programs}.")
    drawn = [f"![{title}]({place})" for title, place in charts]
    return "\n\n".join([where, *map(grid, filter(None, tables)), *drawn])


def _listed(versions: object) -> str:
    found = versions if isinstance(versions, dict) else {}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def document(entries: Sequence[Entry], facts: dict[str, object], plan: dict[str, object], *,
             smoke: bool = False) -> dict[str, object]:
    """All of a run, for programs."""
    return {"machine": facts, "plan": plan,
            "scenarios": [_entry(entry, smoke=smoke) for entry in entries]}


def _entry(entry: Entry, *, smoke: bool) -> dict[str, object]:
    scenario = entry.scenario
    return {
        "name": scenario.name, "about": scenario.about, "unit": scenario.unit,
        "floor": scenario.floor, "goal": scenario.goal, "lower_is_better": scenario.lower,
        "verdict": verdict(entry, smoke=smoke), "error": entry.error,
        "sync_seconds": {"p50": entry.sync_p50, "p99": entry.sync_p99},
        **(asdict(entry.result) if entry.result is not None else {})}


def _sync(entry: Entry) -> str:
    return f"{entry.sync_p50 * 1e3:.2f} / {entry.sync_p99 * 1e3:.2f}"
