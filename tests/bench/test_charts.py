"""Charts: which are drawn, and that they read on light and dark pages."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.rig import charts

WHITE, BLACK = (255, 255, 255), (13, 17, 23)


def figure(label: str, unit: str, *values: float) -> dict[str, Any]:
    return {"label": label, "unit": unit, "values": values}


def found(name: str, unit: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "unit": unit, "ours": figure("tracker", "events/s", 1000, 2000, 4000),
            "peer": None, "rivals": [], "more": [], "series": [], **more}


RATES = found("post", "of nginx", peer=figure("nginx", "requests/s", 3000, 4000, 5000))
PEERS = found("peers", "of the best", rivals=[
    {"name": "A & B", "durable": True, "rate": figure("A & B", "events/s", 500, 600)}])
LATENCY = [found(f"latency-{share}", "ms", peer=figure("nginx", "ms", 1), more=[
    figure(f"{name} of {who}", "ms", 2) for name in ("p50", "p999") for who in ("tracker", "nginx")
]) for share in (25, 50)]
SUSTAINED = found("sustained", "events/s", series=[
    {"seconds": at, "accepted": at * 9.0, "landed": at * 8.0, "lag_seconds": 1.0, "memory": 1e8}
    for at in range(5)])
SIZES = [found(f"dashboard-{size}", "s", more=[figure("top pages", "s", 0.1, 0.2)])
         for size in ("1m", "10m")]
ALL = [RATES, PEERS, *LATENCY, SUSTAINED, *SIZES]


def luminance(colour: tuple[int, ...]) -> float:
    parts = [each / 255 for each in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                        for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_a_chart_is_drawn_of_what_was_measured(tmp_path: Path) -> None:
    drawn = charts.draw({"scenarios": ALL}, tmp_path)

    assert (["rates.svg", "peers.svg", "latency.svg", "sustained.svg", "dashboard.svg"]
            == [path.name for _, path in drawn])
    assert all(title for title, _ in drawn)


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    failed = {"name": "post", "unit": "of nginx", "error": "LoadFailed"}

    assert [] == charts.draw({"scenarios": [failed, LATENCY[0], SIZES[0]]}, tmp_path)


def test_a_chart_is_whole_xml_with_its_words_as_text(tmp_path: Path) -> None:
    charts.draw({"scenarios": [PEERS]}, tmp_path)
    words = {element.text for element in ET.parse(tmp_path / "peers.svg").iter()
             if element.tag.endswith("text")}

    assert {"tracker (peers)", "A & B", "synced before its answer"} <= words


@pytest.mark.parametrize("page", [WHITE, BLACK])
def test_every_colour_of_a_chart_reads_on_light_and_dark_pages(
        page: tuple[int, ...], tmp_path: Path) -> None:
    paths = [path for _, path in charts.draw({"scenarios": ALL}, tmp_path)]
    used = {colour for path in paths
            for colour in re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", path.read_text())}
    read = {colour: contrast(tuple(bytes.fromhex(colour[1:])), page) for colour in used}

    assert read
    assert {} == {colour: ratio for colour, ratio in read.items() if ratio < 3}


def test_the_same_figures_give_the_same_file(tmp_path: Path) -> None:
    once, again = (charts.draw({"scenarios": ALL}, tmp_path / name) for name in ("a", "b"))

    assert ([path.read_bytes() for _, path in once] == [path.read_bytes() for _, path in again])
