"""Files in MaxMind's format (.mmdb): records nested as MaxMind's, or flat as others write them."""

import struct
from pathlib import Path
from typing import Any, Final

from tracker.errors import ExtraMissing
from tracker.geoip import Place
from tracker.geoip.collector import Collector, DataRefused

MARK: Final = b"\xab\xcd\xefMaxMind.com"
MARK_WITHIN: Final = 128 << 10
"""Bytes from the end in which the mark stands."""


def read_mmdb(path: Path, collector: Collector) -> str:
    """Collect all networks of the file, and give the name of its kind.

    Raises `DataRefused`, `ExtraMissing`.
    """
    try:
        import maxminddb  # noqa: PLC0415 - an extra, and needed only here
    except ImportError:
        raise ExtraMissing(f"GeoIPFiles: {path.name}", "geoip") from None
    try:
        # Its reader in C aborts at some damage; the one in Python takes 5 µs a network.
        with maxminddb.open_database(path, maxminddb.MODE_MMAP) as reader:
            _collect(reader, collector)
            return str(reader.metadata().database_type)
    except (maxminddb.InvalidDatabaseError, ValueError, TypeError, KeyError, IndexError,
            AttributeError, OverflowError, RecursionError, struct.error) as error:
        raise DataRefused(f"it is damaged: {error}") from None


def _collect(reader: Any, collector: Collector) -> None:
    known: dict[str, int] = {}
    for network, record in reader:
        if not isinstance(record, dict):
            raise DataRefused("its records are no objects, as those of places are")
        key = repr(record) if len(record) > 1 else str(record.get("country_code", record))
        place = known.get(key)
        if place is None:
            place = known[key] = collector.place(place_of(record))
        first = int(network.network_address)
        bits = network.max_prefixlen
        collector.add(first, first + (1 << bits - network.prefixlen) - 1, place, v6=bits == 128)


def place_of(record: dict[str, Any]) -> Place:
    """The place of a record, nested or flat; what has another type than it should is left out."""
    lat, lon = (_number(_inside(record, "location", name)) or _number(record.get(name))
                for name in ("latitude", "longitude"))
    country = _text(_inside(record, "country", "iso_code")) or _text(record.get("country_code"))
    divisions = record.get("subdivisions")
    region = _name(divisions[0]) if isinstance(divisions, list) and divisions else ""
    return Place(
        country=country,
        region=region or _text(record.get("state1")),
        city=_name(record.get("city")) or _text(record.get("city")),
        zip=_text(_inside(record, "postal", "code")) or _text(record.get("postcode")),
        lat=lat, lon=lon,
        zone=_text(_inside(record, "location", "time_zone")) or _text(record.get("timezone")),
        name=_name(record.get("country")))


def _inside(record: dict[str, Any], outer: str, inner: str) -> Any:
    found = record.get(outer)
    return found.get(inner) if isinstance(found, dict) else None


def _name(part: Any) -> str:
    """The English name of a part of a nested record."""
    names = part.get("names") if isinstance(part, dict) else None
    return _text(names.get("en")) if isinstance(names, dict) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
