"""When an event happened: the client's word within limits, else when it was received."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracker.refine.frame import Frame
from tracker.settings import RefineSettings

EARLIEST, LATEST = -2_208_988_800_000, 10_413_791_999_999  # 1900 to 2299, what stores hold

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = pa.timestamp("ms", tz="UTC")
_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d.*)?", re.ASCII)
_LEAST_MS, _LEAST_US, _LEAST_NS = 10**11, 10**14, 10**17  # in 1973; as seconds in 5138
_NONE = -(1 << 63)


class Clock:
    """Dates events by what their client said, so far as it is near the time of receipt."""

    def __init__(self, settings: RefineSettings) -> None:
        self._past = settings.created_past_seconds * 1000
        self._future = settings.created_future_seconds * 1000

    def date(self, frame: Frame) -> None:
        """Set `created_at` and `received_at`; a time that was not used is kept.

        Lines of logs are as old as they are: the limits are not for them.
        """
        received = np.array([hit.received // 1_000_000 for hit in frame.hits], np.int64)
        received = np.clip(received, EARLIEST, LATEST)[frame.hit]
        created = received.copy()
        missing = np.ones(len(frame), np.bool_)
        imported = np.array([hit.imported for hit in frame.hits], np.bool_)[frame.hit]
        for name in ("created", "time"):
            sent = frame.sent.get(name)
            if sent is not None:
                said = read_times(sent)
                good = missing & (self._within(said, received) | (imported & _held(said)))
                created = np.where(good, said, created)
                missing &= ~good
                for row in np.flatnonzero(~good).tolist():
                    if sent[row] is not None:
                        frame.keep(row, name, sent[row])
        frame.columns["created_at"] = pa.array(created).cast(_TIME)
        frame.columns["received_at"] = pa.array(received).cast(_TIME)

    def _within(self, said: NDArray[np.int64], received: NDArray[np.int64]) -> NDArray[np.bool_]:
        earliest = np.maximum(received - self._past, EARLIEST) if self._past else EARLIEST
        latest = np.minimum(received + self._future, LATEST)
        within: NDArray[np.bool_] = (said >= earliest) & (said <= latest)
        return within


def _held(said: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether stores can hold it."""
    held: NDArray[np.bool_] = (said >= EARLIEST) & (said <= LATEST)
    return held


def read_times(sent: list[Any]) -> NDArray[np.int64]:
    """`read_time` of each value; whole milliseconds, which most are, pass as they are."""
    return np.array([
        value if type(value) is int and _LEAST_MS <= value < _LEAST_US else read_time(value)
        for value in sent
    ], np.int64)


def read_time(value: Any) -> int:
    """Milliseconds since 1970 of RFC 3339 text or of a number, whose size tells its unit.

    A value that is no time is one far outside all limits.
    """
    if isinstance(value, str):
        text = value.strip()
        if _DATE.fullmatch(text):
            return _date(text)
        value = int(text) if _WHOLE.fullmatch(text) else None
    if isinstance(value, float) and abs(value) < 1e18:
        if abs(value) < 1e11:
            return round(value * 1000)
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
        return _NONE
    size = abs(value)
    if size < _LEAST_MS:
        return value * 1000
    if size < _LEAST_US:
        return value
    return value // (1000 if size < _LEAST_NS else 1_000_000)


def _date(text: str) -> int:
    """Milliseconds of a date; one without an offset is UTC."""
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return _NONE
