"""IP2Location's BIN files: sorted rows of numbers, which point to texts in the same file.

All numbers are little-endian. The header holds the kind of database, the columns of a row, the
date, then for IPv4 and IPv6 how many rows there are and where they begin, counted from 1. A row is
the first address of a range and a number for each further column; the last row only ends the one
before it.
"""

import struct
from typing import Final

from tracker.geoip import Place
from tracker.geoip.collector import Collector, DataRefused

_HEADER: Final = struct.Struct("<5B4I")
_MOST_KIND: Final = 26
_REGION_SINCE: Final = 3
_WITHOUT_COORDINATES: Final = frozenset({0, 1, 2, 3, 4, 7})
_ZIP: Final = frozenset({9, 10, 11, 12, 14, 15, 16, 18, 20, 21, 22, 24, 25, 26})
_ZONE: Final = {11: 7, 12: 7, 13: 6, 14: 7, 15: 7, 16: 7, 17: 6, 18: 7, 20: 7, 21: 7, 22: 7,
                24: 7, 25: 7, 26: 7}
"""Which of the columns behind the address tells the time zone, by kind."""


def looks_like_bin(head: bytes) -> bool:
    """Whether the first bytes of a file can be those of a BIN."""
    return len(head) >= 32 and 1 <= head[0] <= _MOST_KIND and 2 <= head[1] <= 64 \
        and 1 <= head[3] <= 12 and 1 <= head[4] <= 31 and head[29] in {0, 1}


def read_bin(data: memoryview, collector: Collector) -> None:
    """Collect all rows of the file; raises `DataRefused`."""
    if not looks_like_bin(bytes(data[:32])):
        raise DataRefused("it is no BIN file of IP2Location")
    kind, columns, _, _, _, *tables = _HEADER.unpack_from(data)
    for bits, count, base in ((32, *tables[:2]), (128, *tables[2:])):
        if count:
            _Rows(data, kind, columns, bits, collector).read(count, base - 1)


class _Rows:
    """The rows of one version of addresses."""

    def __init__(self, data: memoryview, kind: int, columns: int, bits: int,
                 collector: Collector) -> None:
        self._data = data
        self._kind = kind
        self._key = bits // 8
        self._size = self._key + 4 * (columns - 1)
        self._bits = bits
        self._collector = collector
        self._used = min(columns - 1, 7)

    def read(self, count: int, base: int) -> None:
        """`count` rows from the byte at `base` on."""
        version = 4 if self._bits == 32 else 6
        end = base + (count + 1) * self._size
        if base < _HEADER.size or end - self._size + self._key > len(self._data):
            raise DataRefused(f"it is cut off: its header tells of {count} rows of IPv{version},"
                              f" which end at byte {end}, but the file has {len(self._data)}")
        known: dict[bytes, int] = {}
        rows = self._data
        start = self._address(base)
        for at in range(base, end - self._size, self._size):
            following = self._address(at + self._size)
            cells = bytes(rows[at + self._key:at + self._key + 4 * self._used])
            place = known.get(cells)
            if place is None:
                place = known[cells] = self._collector.place(self._place(cells))
            if following > start:
                top = following == (1 << self._bits) - 1  # so the last row says: to the end
                self._collector.add(start, following - (not top), place, v6=self._bits == 128)
            elif following < start:
                raise DataRefused(f"its rows of IPv{version} are not in order")
            start = following

    def _address(self, at: int) -> int:
        return int.from_bytes(self._data[at:at + self._key], "little")

    def _place(self, cells: bytes) -> Place:
        numbers = struct.unpack(f"<{len(cells) // 4}I", cells)
        numbers += (0,) * (7 - len(numbers))
        lat = lon = None
        if self._kind not in _WITHOUT_COORDINATES:
            lat, lon = struct.unpack("<2f", struct.pack("<2I", *numbers[3:5]))
        has_region = self._kind >= _REGION_SINCE
        zone = _ZONE.get(self._kind)
        return Place(
            self._text(numbers[0]),
            self._text(numbers[1]) if has_region else "",
            self._text(numbers[2]) if has_region else "",
            self._text(numbers[5]) if self._kind in _ZIP else "",
            lat, lon,
            self._text(numbers[zone - 1]) if zone else "",
            self._text(numbers[0] + 3))

    def _text(self, at: int) -> str:
        """A text that begins with its length."""
        if at >= len(self._data):
            raise DataRefused(f"it points to a text at byte {at}, behind its end")
        raw = bytes(self._data[at + 1:at + 1 + self._data[at]])
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
