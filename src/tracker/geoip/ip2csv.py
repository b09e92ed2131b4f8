"""IP2Location's CSV: first and last address as numbers, then what is known of the place.

All of DB1, DB3, DB5, DB9 and DB11 are read, and any other file whose rows begin like theirs:
`from, to, country, name, region, city, latitude, longitude, zip, time zone`.
"""

import csv
from collections.abc import Iterator
from typing import BinaryIO

from tracker.geoip import Place
from tracker.geoip.collector import Collector, DataRefused

MOST_LINE = 4_096
MOST_DIGITS = 39
"""Of the largest address."""


def read_csv(stream: BinaryIO, collector: Collector, *, v6: bool | None = None) -> None:
    """Collect all rows; `v6` says which addresses they are, None that each row tells by its size.

    Raises `DataRefused`, which names the row, and what the stream raises.
    """
    known: dict[bytes, int] = {}
    for number, line in enumerate(_lines(stream), 1):
        try:
            first, last, rest = line.split(b",", 2)
            start, end = _address(first), _address(last)
        except ValueError:
            named = number == 1 and not line[:2].strip(b'"').isdigit()
            if named or not line.strip(b"\r\n\x1a "):
                continue  # the names of the columns, or an empty line
            raise DataRefused(f"row {number} does not begin with two addresses as numbers"
                              " and a country") from None
        place = known.get(rest)
        if place is None:
            place = known[rest] = collector.place(_place(rest, number))
        collector.add(start, end, place, v6=end >> 32 != 0 if v6 is None else v6)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    number = 0
    while line := stream.readline(MOST_LINE):
        number += 1
        if len(line) == MOST_LINE and not line.endswith(b"\n"):
            raise DataRefused(f"row {number} is longer than {MOST_LINE} bytes")
        yield line


def _address(text: bytes) -> int:
    digits = text.strip(b'" ')
    if not digits.isdigit() or len(digits) > MOST_DIGITS:
        raise ValueError
    return int(digits)


def _place(rest: bytes, number: int) -> Place:
    try:
        text = rest.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        text = rest.decode("latin-1").rstrip("\r\n")
    try:
        (cells,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:
        raise DataRefused(f"row {number} is no CSV: {error}") from None
    country, name, region, city, lat, lon, zip_code, zone = (*cells, *[""] * 8)[:8]
    return Place(country, region, city, zip_code, _degrees(lat, number), _degrees(lon, number),
                 zone, name)


def _degrees(text: str, number: int) -> float | None:
    if text.strip() in {"", "-"}:
        return None
    try:
        return float(text)
    except ValueError:
        raise DataRefused(f"row {number} has a latitude or longitude that is no number") from None
