"""Times in `extra`, as the stores take them out of it."""

from datetime import UTC, datetime
from typing import Any

from tracker.refine.times import EARLIEST, LATEST, read_time


def read_moment(value: Any) -> str | None:
    """The text of a time as clients write one; None where it is none."""
    milliseconds = read_time(value)
    if not EARLIEST <= milliseconds <= LATEST:
        return None
    return moment_text(datetime.fromtimestamp(milliseconds / 1000, UTC))


def moment_text(moment: datetime) -> str:
    """A time, UTC, to the millisecond."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03}"
