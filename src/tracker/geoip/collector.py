"""Ranges and places of any data, gathered and brought to the form that is mapped."""

import math
import re
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tracker.durable import Files
from tracker.errors import TrackerError
from tracker.geoip import Place
from tracker.geoip.form import PLACE, UNKNOWN, write

MOST_RANGES: Final = 30_000_000
MOST_PLACES: Final = 5_000_000
MOST_TEXTS: Final = 5_000_000
TEXT_CHARS: Final = 120
_STEP = 1 << 18
_V4_END = (1 << 32) - 1
_V6_END = (1 << 128) - 1
_MAPPED = 0xFFFF << 32
_COUNTRY = re.compile(r"[A-Z]{2}")

Ints = NDArray[np.uint32]


class DataRefused(TrackerError):
    """Data of places that cannot be used; the message says where and why."""


class Collector:
    """Takes ranges from one source after the other.

    Of two sources with addresses of the same version, the first has it all.
    """

    def __init__(self, progress: Callable[[int], None] = lambda _: None) -> None:
        self._progress = progress
        self._texts: dict[str, int] = {"": 0}
        self._places: dict[bytes, int] = {PLACE.pack(0, 0, 0, 0, 0, 0, UNKNOWN, UNKNOWN): 0}
        self._v4 = array("Q")
        self._v4_nexts = array("Q")  # the address behind the last
        self._v4_places = array("I")
        self._v6 = bytearray()
        self._v6_nexts = bytearray()
        self._v6_places = array("I")
        self._taken = [False, False]
        self._count = 0

    def next_source(self) -> None:
        """What comes now is of another source."""
        self._taken = [bool(self._v4_places), bool(self._v6_places)]

    def place(self, place: Place) -> int:
        """The number of a place; 0 is nowhere."""
        lat, lon = _millionths(place.lat, 90), _millionths(place.lon, 180)
        if UNKNOWN in (lat, lon) or (lat, lon) == (0, 0):
            lat = lon = UNKNOWN
        country = place.country.strip().upper()
        texts = (country if _COUNTRY.fullmatch(country) else "", place.region, place.city,
                 place.zip, place.zone, place.name)
        record = PLACE.pack(*map(self._text, texts), lat, lon)
        number = self._places.setdefault(record, len(self._places))
        if number >= MOST_PLACES:
            raise DataRefused(f"there are more than {MOST_PLACES} places in it")
        return number

    def _text(self, text: str) -> int:
        text = text.strip()[:TEXT_CHARS]
        if text == "-":  # so IP2Location writes what it does not know
            return 0
        number = self._texts.setdefault(text, len(self._texts))
        if number >= MOST_TEXTS:
            raise DataRefused(f"there are more than {MOST_TEXTS} names in it")
        return number

    def add(self, first: int, last: int, place: int, *, v6: bool) -> None:
        """A range of addresses, both ends in it; raises `DataRefused`."""
        self._count += 1
        if self._count % _STEP == 0:
            self._progress(self._count)
            if self._count > MOST_RANGES:
                raise DataRefused(f"there are more than {MOST_RANGES} ranges in it")
        if not place:
            return
        if v6 and _MAPPED <= first and last <= _MAPPED + _V4_END:
            first, last, v6 = first - _MAPPED, last - _MAPPED, False
        if not 0 <= first <= last <= (_V6_END if v6 else _V4_END):
            raise DataRefused(f"range {self._count} goes from {first} to {last}")
        if self._taken[v6]:
            return
        if not v6:
            self._v4.append(first)
            self._v4_nexts.append(last + 1)
            self._v4_places.append(place)
            return
        self._v6 += first.to_bytes(16, "big")
        self._v6_nexts += (min(last + 1, _V6_END)).to_bytes(16, "big")
        self._v6_places.append(place)

    @property
    def ranges(self) -> int:
        """How many ranges came."""
        return self._count

    def write(self, files: Files, path: Path) -> None:
        """Make the file; raises `DataRefused` where nothing came, and OSError."""
        if not self._v4_places and not self._v6_places:
            raise DataRefused("there is no range with a place in it")
        v4_keys, v4_places = _closed(
            np.frombuffer(self._v4, np.uint64), np.frombuffer(self._v4_nexts, np.uint64),
            np.frombuffer(self._v4_places, np.uint32), np.uint64(_V4_END + 1))
        v6_keys, v6_places = _closed(
            np.frombuffer(self._v6, "S16"), np.frombuffer(self._v6_nexts, "S16"),
            np.frombuffer(self._v6_places, np.uint32), np.bytes_(_V6_END.to_bytes(16, "big")))
        texts = [text.encode("utf-8", "replace") for text in self._texts]
        offsets = np.zeros(len(texts) + 1, np.uint32)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        write(files, path, {
            "v4": v4_keys.astype("<u4").tobytes(), "v4_places": v4_places.astype("<u4").tobytes(),
            "v6": v6_keys.tobytes(), "v6_places": v6_places.astype("<u4").tobytes(),
            "places": b"".join(self._places), "offsets": offsets.astype("<u4").tobytes(),
            "texts": b"".join(texts)})


def _millionths(degrees: float | None, most: int) -> int:
    if degrees is None or not math.isfinite(degrees) or abs(degrees) > most:
        return UNKNOWN
    return round(degrees * 1e6)


def _closed(starts: NDArray[Any], nexts: NDArray[Any], places: Ints,
            end: Any) -> tuple[NDArray[Any], Ints]:
    """Starts and places without gaps; `nexts` are the addresses behind the ranges.

    What no range holds is place 0. Where ranges overlap, the one that begins later counts.
    Neighbours with one place are one.
    """
    if len(starts) > 1 and not bool(np.all(starts[:-1] <= starts[1:])):
        order = np.argsort(starts, kind="stable")
        starts, nexts, places = starts[order], nexts[order], places[order]
    following = np.append(starts[1:], np.full(1, end, starts.dtype))
    gaps = np.flatnonzero(nexts[:len(following)] < following)
    starts = np.insert(starts, gaps + 1, nexts[gaps])
    places = np.insert(places, gaps + 1, 0)
    if len(starts) > 1:  # of several with one start the last counts
        last = np.append(starts[:-1] != starts[1:], True)
        starts, places = starts[last], places[last]
    kept = np.append(np.ones(min(len(places), 1), bool), places[1:] != places[:-1])
    return starts[kept], places[kept]
