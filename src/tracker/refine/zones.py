"""The country of each IANA time zone, old names included."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_ABBREVIATION = re.compile(r"[A-Z]{2,3}T(\d[A-Z]{3})?")  # EST links to Panama, but means no place


@cache
def countries_by_zone() -> Mapping[str, str]:
    """Zone name in lower case -> ISO 3166-1 code, for every zone that lies in one country.

    A zone shared by several countries counts for the first, where most of its people live.
    """
    data = files("tzdata") / "zoneinfo"
    countries: dict[str, str] = {}
    for table in ("zone.tab", "zone1970.tab"):
        for row in _rows((data / table).read_text("utf-8")):
            countries.setdefault(row[2].lower(), row[0].split(",")[0])
    for line in (data / "tzdata.zi").read_text("utf-8").splitlines():
        if line.startswith("L "):
            _, target, alias = line.split(" ")
            country = countries.get(target.lower())
            if country is not None and _ABBREVIATION.fullmatch(alias) is None:
                countries.setdefault(alias.lower(), country)
    return countries


def _rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line and line[0] != "#"]
