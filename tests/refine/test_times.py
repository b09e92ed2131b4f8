from datetime import datetime
from typing import Any

import pytest

from harness.refining import NOON_MS, event_of, post, row_of
from tracker.refine.times import EARLIEST, LATEST, read_time
from tracker.settings import RefineSettings

UNLIMITED = RefineSettings(created_past_seconds=0)
NANO = 10**6


@pytest.mark.parametrize(("sent", "ms"), [
    (1539102052702, 1539102052702), ("1539102052702", 1539102052702),
    (1539102052, 1539102052000), (1539102052.702, 1539102052702),
    (1539102052702000, 1539102052702), (1539102052702000123, 1539102052702),
    ("2018-10-09T16:20:52.702Z", 1539102052702), ("2018-10-09T18:20:52.702+02:00", 1539102052702),
    ("2018-10-09 16:20:52", 1539102052000), ("2018-10-09", 1539043200000),
    ("2018-10-09t16:20:52z", 1539102052000), ("1970-01-01T00:00:01Z", 1000), (-1, -1000),
])
def test_times_are_read_in_any_unit(sent: Any, ms: int) -> None:
    assert ms == read_time(sent)


@pytest.mark.parametrize("sent", [
    "", "now", "2018-13-40", True, None, [], {}, 1e300, 1 << 63, -1 << 70,
    "0001-01-01T00:00:00+23:00", "99999999999999999999", float("inf"), float("nan"),
])
def test_what_is_no_time_is_far_outside_all_limits(sent: Any) -> None:
    assert not EARLIEST <= read_time(sent) <= LATEST


def ms_of(row: dict[str, Any], name: str = "created_at") -> int:
    moment: datetime = row[name]
    return round(moment.timestamp() * 1000)


@pytest.mark.parametrize(("offset", "kept"), [
    (0, True), (-604_800_000, True), (-604_800_001, False), (300_000, True), (300_001, False),
])
def test_the_clients_time_counts_within_limits(offset: int, kept: bool) -> None:
    row = event_of({"created": NOON_MS + offset})

    assert NOON_MS + (offset if kept else 0) == ms_of(row)
    assert NOON_MS == ms_of(row, "received_at")
    assert ({} if kept else {"created": NOON_MS + offset}) == row["params"]


def test_no_past_limit_lets_old_events_in() -> None:
    assert 1539102052702 == ms_of(event_of({"created": 1539102052702}, UNLIMITED))
    assert {"created": "1850-01-01"} == event_of({"created": "1850-01-01"}, UNLIMITED)["params"]


def test_time_stands_in_for_created() -> None:
    row = event_of({"created": "soon", "time": NOON_MS - 5})

    assert NOON_MS - 5 == ms_of(row)
    assert {"created": "soon"} == row["params"]


def test_a_second_time_is_kept() -> None:
    row = event_of({"created": NOON_MS - 1, "time": NOON_MS - 5})

    assert NOON_MS - 1 == ms_of(row)
    assert {"time": NOON_MS - 5} == row["params"]


@pytest.mark.parametrize("received", [-1 << 62, (1 << 63) - 1, 0, EARLIEST * NANO, LATEST * NANO])
def test_a_clock_gone_wrong_stays_in_the_range_of_stores(received: int) -> None:
    row = row_of(post({}, received=received), UNLIMITED)

    assert min(max(received // NANO, EARLIEST), LATEST) == ms_of(row)
