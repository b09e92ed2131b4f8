"""Where an event happened: as the client says, else by its time zone and address."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracker.geoip import GeoLookup
from tracker.numerals import read_number
from tracker.refine.arrays import or_else, repeated_text, spread, texts
from tracker.refine.columns import cells, text_cells
from tracker.refine.frame import Frame
from tracker.refine.zones import countries_by_zone
from tracker.settings import RefineSettings


class Places:
    """Fills country, region, city, postcode and coordinates."""

    def __init__(self, settings: RefineSettings, geo: GeoLookup | None) -> None:
        self._descriptions = settings.region_descriptions
        self._geo = geo
        self._zones = countries_by_zone()

    def locate(self, frame: Frame) -> None:
        """The client's own word wins, then its time zone, then the address."""
        country = self._text(frame, "country")
        if (zones := frame.sent.get("tz")) is not None:
            country = or_else(country, texts(self._countries(zones)))
        region, city = self._text(frame, "region"), self._text(frame, "city")
        zip_code = self._text(frame, "zip")
        lat, lon = self._number(frame, "lat"), self._number(frame, "lon")
        if self._geo is not None:
            found = self._found(frame)
            country = or_else(country, found["country"])
            zip_code = or_else(zip_code, found["zip"])
            if self._descriptions:
                region, city = or_else(region, found["region"]), or_else(city, found["city"])
            unknown = pc.and_(pc.is_null(lat), pc.is_null(lon))
            lat = pc.if_else(unknown, found["lat"], lat)
            lon = pc.if_else(unknown, found["lon"], lon)
        frame.columns |= {
            "country": pc.utf8_upper(pc.utf8_trim_whitespace(country)),
            "region": pc.utf8_trim_whitespace(region),
            "city": pc.utf8_trim_whitespace(city),
            "zip": zip_code, "lat": lat, "lon": lon,
        }

    def _countries(self, zones: list[Any]) -> list[str]:
        known = {
            zone: self._zones.get(zone.strip().lower(), "")
            for zone in {zone for zone in zones if isinstance(zone, str)}
        }
        return [known[zone] if isinstance(zone, str) else "" for zone in zones]

    def _found(self, frame: Frame) -> dict[str, pa.Array]:
        """What the addresses say, each asked once; coordinates only as a pair."""
        assert self._geo is not None
        numbers: dict[str, int] = {}
        of_hits = np.fromiter((numbers.setdefault(hit.address, len(numbers))
                               for hit in frame.hits), np.int32, len(frame.hits))
        places = self._geo.find(list(numbers))
        rows = of_hits[frame.hit]
        return {
            name: spread([getattr(place, name) for place in places], kind, rows)
            for name, kind in (("country", pa.string()), ("region", pa.string()),
                               ("city", pa.string()), ("zip", pa.string()),
                               ("lat", pa.float64()), ("lon", pa.float64()))
        }

    def _text(self, frame: Frame, name: str) -> pa.Array:
        sent = frame.sent.get(name)
        if sent is None:
            return repeated_text("", len(frame))
        return texts(text_cells(frame, name, sent))

    def _number(self, frame: Frame, name: str) -> pa.Array:
        sent = frame.sent.get(name)
        if sent is None:
            return pa.nulls(len(frame), pa.float64())
        return pa.array(cells(frame, name, sent, read_number), pa.float64())
