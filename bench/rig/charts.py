"""Charts of a run's document as SVG: bars of rates, lines of latencies and of what changed in time.

Backgrounds are clear and all colours of a middle tone, so that they read on light and dark pages.
"""

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, DURABLE, LOOSE, TEXT = "#2f7fd6", "#c2762b", "#8a8f98", "#7a7f87"
"""Each is at least 3 : 1 against white and against the black of dark pages."""

_WIDTH = 8.0
_BAR = 0.38
_STYLE: Any = {  # its keys have a type of some hundred names
    "svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif", "font.size": 9,
    "text.color": TEXT, "axes.labelcolor": TEXT, "axes.edgecolor": TEXT, "xtick.color": TEXT,
    "ytick.color": TEXT, "grid.color": TEXT, "grid.alpha": 0.25, "axes.grid": True,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "savefig.transparent": True, "figure.constrained_layout.use": True}

Found = dict[str, Any]
"""A scenario as the document has it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One file, and what it shows."""

    name: str
    title: str
    draw: Callable[[Sequence[Found]], Figure | None]


def draw(document: dict[str, Any], directory: Path) -> list[tuple[str, Path]]:
    """Draw what the document has the figures for; titles and paths."""
    directory.mkdir(parents=True, exist_ok=True)
    measured = [each for each in document["scenarios"] if "ours" in each]
    return list(_drawn(measured, directory))


def _drawn(measured: Sequence[Found], directory: Path) -> Iterator[tuple[str, Path]]:
    with mpl.rc_context(_STYLE):
        for chart in CHARTS:
            figure = chart.draw(measured)
            if figure is not None:
                path = directory / f"{chart.name}.svg"
                figure.savefig(path, metadata={"Date": None, "Title": chart.title})
                yield chart.title, path


def _rates(measured: Sequence[Found]) -> Figure | None:
    """Ours and the limit, of each scenario whose score is a share of nginx."""
    rows = [each for each in measured if each["unit"] == "of nginx" and each["peer"]]
    if not rows:
        return None
    figure, axes = _bars([each["name"] for each in rows], "thousand a second, one worker")
    for shift, key, colour, label in ((-_BAR / 2, "ours", OURS, "tracker, events, durable"),
                                      (_BAR / 2, "peer", LOOSE, "nginx, requests, kept nowhere")):
        for at, each in enumerate(rows):
            _bar(axes, at + shift, _thousands(each[key]["values"]), colour, label if not at else "")
    axes.legend()
    return figure


def _peers(measured: Sequence[Found]) -> Figure | None:
    """Every peer under the tracker that ran beside it."""
    rows: list[tuple[str, Sequence[float], str]] = []
    for each in measured:
        if each["rivals"]:
            rows.append((f"tracker ({each['name']})", each["ours"]["values"], OURS))
            rows += [(rival["name"], rival["rate"]["values"],
                      DURABLE if rival["durable"] else LOOSE) for rival in each["rivals"]]
    if not rows:
        return None
    figure, axes = _bars([name for name, _, _ in rows], "thousand events a second, one core")
    for at, (_, values, colour) in enumerate(rows):
        _bar(axes, at, _thousands(values), colour, "")
    for colour, label in ((OURS, "tracker: synced before its answer"),
                          (DURABLE, "synced before its answer"), (LOOSE, "not synced")):
        axes.barh([0], [0], color=colour, label=label)
    axes.legend()
    return figure


def _latency(measured: Sequence[Found]) -> Figure | None:
    """Percentiles at shares of the peak rate."""
    rows = [each for each in measured if each["name"].startswith("latency-")]
    if len(rows) < 2:
        return None
    shares = [int(each["name"].rpartition("-")[2]) for each in rows]
    figure = Figure(figsize=(_WIDTH, 3.2))
    axes = figure.add_subplot()
    for who, colour in (("tracker", OURS), ("nginx", LOOSE)):
        for name, style in (("p50", ":"), ("p99", "-"), ("p999", "--")):
            values = [_latency_of(each, who, name) for each in rows]
            axes.plot(shares, values, style, color=colour, marker="o", markersize=4,
                      label=f"{who}, {name}")
    axes.set(yscale="log", xticks=shares, xlabel="% of the peak rate", ylabel="ms")
    axes.legend(ncols=2)
    return figure


def _latency_of(each: Found, who: str, name: str) -> float:
    """The median of a percentile; p99 is the scenario's own figure."""
    values: Sequence[float] = (
        each["ours" if who == "tracker" else "peer"]["values"] if name == "p99" else
        next(figure["values"] for figure in each["more"]
             if figure["label"] == f"{name} of {who}"))
    return statistics.median(values)


def _sustained(measured: Sequence[Found], name: str) -> Figure | None:
    """What came and landed, how far behind, and memory, over time."""
    series: Sequence[dict[str, float]] = next(
        (each["series"] for each in measured if each["name"] == name), ())
    if len(series) < 3:
        return None
    figure = Figure(figsize=(_WIDTH, 5))
    rates, lag, memory = figure.subplots(3, 1, sharex=True)
    seconds = [sample["seconds"] for sample in series]
    for key, colour in (("accepted", OURS), ("landed", DURABLE)):
        steps = [(after[key] - before[key]) / (after["seconds"] - before["seconds"]) / 1e3
                 for before, after in itertools.pairwise(series)]
        rates.plot(seconds[1:], steps, color=colour, label=key)
    rates.set(ylabel="thousand events/s", ylim=(0, None))
    rates.legend()
    lag.plot(seconds, [sample["lag_seconds"] for sample in series], color=OURS)
    lag.set(ylabel="lag, s", ylim=(0, None))
    memory.plot(seconds, [sample["memory"] / 1e6 for sample in series], color=OURS)
    memory.set(ylabel="memory, MB", xlabel="seconds", ylim=(0, None))
    return figure


def _dashboard(measured: Sequence[Found]) -> Figure | None:
    """Seconds of each question at each size, on a scale of powers of ten."""
    sizes = [each for each in measured if each["name"].startswith("dashboard-")]
    if len(sizes) < 2:
        return None
    names = [figure["label"] for figure in sizes[0]["more"] if figure["unit"] == "s"]
    figure, axes = _bars(names, "seconds")
    height = 2 * _BAR / len(sizes)
    for number, (each, colour) in enumerate(zip(sizes, (LOOSE, OURS, DURABLE), strict=False)):
        of_name = {figure["label"]: figure["values"] for figure in each["more"]}
        for at, name in enumerate(names):
            _bar(axes, at + (number - (len(sizes) - 1) / 2) * height, of_name[name], colour,
                 "" if at else each["name"].removeprefix("dashboard-") + " events", height)
    axes.set(xscale="log")
    axes.legend()
    return figure


CHARTS: tuple[Chart, ...] = (
    Chart("rates", "Requests and batches beside the limit of HTTP", _rates),
    Chart("peers", "Beside others, each with its own guarantee", _peers),
    Chart("latency", "Latency of a durable POST at a fixed rate", _latency),
    Chart("sustained", "Everything at once on all cores",
          lambda measured: _sustained(measured, "sustained")),
    Chart("sustained-30", "The same for half an hour",
          lambda measured: _sustained(measured, "sustained-30")),
    Chart("dashboard", "Questions of a dashboard", _dashboard),
)


def _bars(names: Sequence[str], label: str) -> tuple[Figure, Axes]:
    """Axes for bars that lie, the first name on top."""
    figure = Figure(figsize=(_WIDTH, 0.9 + 0.3 * len(names)))
    axes = figure.add_subplot()
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label)
    return figure, axes


def _bar(axes: Axes, at: float, values: Sequence[float], colour: str, label: str,
         height: float = _BAR) -> None:
    """The median as a bar, least and most as a line across its end."""
    middle = statistics.median(values)
    spread = [[middle - min(values)], [max(values) - middle]]
    axes.barh([at], [middle], height, color=colour, label=label or None,
              xerr=spread if len(values) > 1 else None, ecolor=TEXT)


def _thousands(values: Sequence[float]) -> list[float]:
    return [value / 1e3 for value in values]
