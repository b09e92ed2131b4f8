"""Where an address is: what a lookup answers, whatever data stand behind it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """What is known of an address; "" and None where nothing is.

    `country`  ISO 3166-1 code, two capital letters
    `name`     of the country, as the data have it
    `lat`, `lon`  degrees; both or neither
    `zone`     as the data have it: an IANA name or an offset ("-07:00")
    """

    country: str = ""
    region: str = ""
    city: str = ""
    zip: str = ""
    lat: float | None = None
    lon: float | None = None
    zone: str = ""
    name: str = ""


NOWHERE = Place()


class GeoLookup(Protocol):
    """Finds the places of addresses in memory: no I/O, and cheap enough for every batch."""

    def find(self, addresses: Sequence[str]) -> list[Place]:
        """The place of each address in canonical text; `NOWHERE` where nothing is known."""
