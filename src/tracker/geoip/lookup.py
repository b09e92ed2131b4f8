"""The places of many addresses at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.geoip import NOWHERE, Place
from tracker.geoip.addresses import packed
from tracker.geoip.form import Form


class Lookup:
    """Finds addresses in an open file of places."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._v4 = np.frombuffer(form.v4, "<u4")
        self._v4_places = np.frombuffer(form.v4_places, "<u4")
        self._v6 = np.frombuffer(form.v6, "S16")
        self._v6_places = np.frombuffer(form.v6_places, "<u4")

    def find(self, addresses: Sequence[str]) -> list[Place]:
        """The place of each address in text; `NOWHERE` where nothing is known."""
        keys = [packed(address) for address in addresses]
        numbers = np.zeros(len(keys), np.uint32)
        lengths = np.fromiter(map(len, keys), np.uint8, len(keys))
        for length, kind, starts, places in ((4, ">u4", self._v4, self._v4_places),
                                             (16, "S16", self._v6, self._v6_places)):
            rows = np.flatnonzero(lengths == length)
            if len(rows) and len(starts):
                wanted = np.frombuffer(b"".join([keys[row] for row in rows.tolist()]), kind)
                numbers[rows] = _in_ranges(starts, places, wanted)
        place = self._form.place
        return [place(number) if number else NOWHERE for number in numbers.tolist()]


def _in_ranges(starts: NDArray[np.generic], places: NDArray[np.uint32],
               wanted: NDArray[np.generic]) -> NDArray[np.uint32]:
    """The place of the last range that does not begin behind each; 0 before the first."""
    at = np.searchsorted(starts, wanted.astype(starts.dtype), side="right")
    found = places[np.minimum(np.maximum(at, 1), len(places)) - 1]
    return np.where(at > 0, found, np.uint32(0))
