"""Where an address is: what a lookup answers, whatever data stand behind it."""

from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """What is known of an address; "" and None where nothing is."""

    country: str = ""
    region: str = ""
    city: str = ""
    zip: str = ""
    lat: float | None = None
    lon: float | None = None


class GeoLookup(Protocol):
    """Finds the place of an address in memory: no I/O, and safe to ask at every batch."""

    def lookup(self, address: str) -> Place | None:
        """The place of an address in canonical text, or None."""
