"""Places on disk: one file that is mapped into memory, the same whatever data it was made of.

Little-endian, but for the keys of IPv6, so that their bytes sort as numbers:

    magic        8 bytes
    size         4 bytes: of the header
    header       JSON, `Header`
    sections     each on a multiple of 64 bytes, at the places the header names:
      v4         first address of each range, uint32, ascending
      v4_places  place of each range, uint32
      v6         first address of each range, 16 bytes
      v6_places  uint32
      places     `PLACE` each; the first is nowhere
      offsets    uint32: where each text begins, and where the last one ends
      texts      UTF-8

A range ends where the next begins. The file is written once and never changed, so that those who
have it mapped can go on with it.
"""

import mmap
import struct
import zlib
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tracker.durable import Files, write_file
from tracker.errors import TrackerError
from tracker.geoip import NOWHERE, Place

MAGIC = b"places\x00\x01"
PLACE = struct.Struct("<6I2i")
"""Texts of country, region, city, zip, zone, name; latitude and longitude in millionths."""
UNKNOWN = -(1 << 31)
"""A latitude or longitude that is not known."""
_ALIGNED = 64
_SIZE = struct.Struct("<I")
_SECTIONS = {"v4": 4, "v4_places": 4, "v6": 16, "v6_places": 4, "places": PLACE.size,
             "offsets": 4, "texts": 1}
_CACHED = 65_536


class PlacesDamaged(TrackerError):
    """A file of places is not what was written; make it anew."""


class Header(msgspec.Struct):
    """`sections` names offset and size of each in bytes; `crc` is of all behind the header."""

    sections: dict[str, tuple[int, int]]
    crc: int


def write(files: Files, path: Path, sections: Mapping[str, bytes | memoryview]) -> None:
    """Make the file, durably and in one step; raises OSError."""
    places: dict[str, tuple[int, int]] = {}
    parts: list[bytes | memoryview] = []
    at, crc = 0, 0
    for name in _SECTIONS:
        data = memoryview(sections[name]).cast("B")
        padding = bytes(-len(data) % _ALIGNED)
        places[name] = (at, len(data))
        parts += [data, padding]
        crc = zlib.crc32(padding, zlib.crc32(data, crc))
        at += len(data) + len(padding)
    header = msgspec.json.encode(Header(places, crc))
    header += b" " * (-(len(MAGIC) + _SIZE.size + len(header)) % _ALIGNED)
    write_file(files, path, MAGIC, _SIZE.pack(len(header)), header, *parts)


class Form:
    """An open file of places. What its bytes say is held to bounds, so that damage is no fault."""

    def __init__(self, path: Path) -> None:
        """Map the file; raises `PlacesDamaged`, and OSError."""
        with path.open("rb") as file:
            try:
                self._map = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError:  # an empty file cannot be mapped
                raise PlacesDamaged(f"{path} is empty") from None
        start = len(MAGIC) + _SIZE.size
        if bytes(self._map[:len(MAGIC)]) != MAGIC or len(self._map) < start:
            raise PlacesDamaged(f"{path} holds no places")
        (size,) = _SIZE.unpack(self._map[len(MAGIC):start])
        try:
            header = msgspec.json.decode(self._map[start:start + size], type=Header)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PlacesDamaged(f"{path}: its header is damaged: {error}") from None
        self._path, self._crc, self._body = path, header.crc, start + size
        self._sections = {name: self._section(header, name) for name in _SECTIONS}
        self.v4, self.v4_places = self._numbers("v4"), self._numbers("v4_places")
        self.v6, self.v6_places = self._sections["v6"], self._numbers("v6_places")
        self._places, self._texts = self._sections["places"], self._sections["texts"]
        self._offsets = self._numbers("offsets")
        if len(self.v4) != len(self.v4_places) or len(self.v6) != 16 * len(self.v6_places):
            raise PlacesDamaged(f"{path}: its sections do not go together")
        self._known: dict[int, Place] = {}

    def _section(self, header: Header, name: str) -> memoryview:
        at, size = header.sections.get(name, (-1, -1))
        start = self._body + at
        if min(at, size) < 0 or start + size > len(self._map) or size % _SECTIONS[name]:
            raise PlacesDamaged(f"{self._path} is cut off")
        return self._map[start:start + size]

    def _numbers(self, name: str) -> memoryview:
        return self._sections[name].cast("I")

    def verify(self) -> None:
        """Read all of it; raises `PlacesDamaged` where a byte is not as written."""
        if zlib.crc32(self._map[self._body:]) != self._crc:
            raise PlacesDamaged(f"{self._path}: its bytes are not those that were written")

    def __len__(self) -> int:
        return len(self.v4_places) + len(self.v6_places)

    def range_of(self, address: bytes) -> tuple[int, int, Place]:
        """First and last address of the range that holds one of 4 or 16 bytes, and its place."""
        number, bits = int.from_bytes(address, "big"), 8 * len(address)
        if bits == 32:
            keys, places = self.v4, self.v4_places
            at = bisect_right(keys, number)
        else:
            keys, places = self.v6, self.v6_places
            at = bisect_right(range(len(places)), address, key=self._v6_key)
        first = self._start(keys, at - 1, bits) if at else 0
        last = (self._start(keys, at, bits) if at < len(places) else 1 << bits) - 1
        return first, last, self.place(places[at - 1] if at else 0)

    def _v6_key(self, at: int) -> bytes:
        return bytes(self.v6[16 * at:16 * at + 16])

    def _start(self, keys: memoryview, at: int, bits: int) -> int:
        return int(keys[at]) if bits == 32 else int.from_bytes(self._v6_key(at), "big")

    def place(self, number: int) -> Place:
        """Place `number`, made once; `NOWHERE` for one that is not there."""
        found = self._known.get(number)
        if found is None:
            if len(self._known) >= _CACHED:
                self._known.clear()
            found = self._known[number] = self._read(number)
        return found

    def _read(self, number: int) -> Place:
        if not 0 < number < len(self._places) // PLACE.size:
            return NOWHERE
        *texts, lat, lon = PLACE.unpack_from(self._places, number * PLACE.size)
        country, region, city, zip_code, zone, name = map(self._text, texts)
        unknown = UNKNOWN in (lat, lon)
        return Place(country, region, city, zip_code, None if unknown else lat / 1e6,
                     None if unknown else lon / 1e6, zone, name)

    def _text(self, number: int) -> str:
        if number + 1 >= len(self._offsets):
            return ""
        return str(self._texts[self._offsets[number]:self._offsets[number + 1]], "utf-8", "replace")
