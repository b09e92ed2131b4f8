"""Data of places made for tests: rows as IP2Location's CSV has them, and BIN files of them."""

import struct
import zipfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from tracker.geoip import Place
from tracker.geoip.addresses import MAPPED

HEADER = struct.Struct("<5B4I")


class Row(NamedTuple):
    """A range of addresses in text and where it is."""

    first: str
    last: str
    place: Place


LINZ = Place("AT", "Upper Austria", "Linz", "4020", 48.3125, 14.28125, "+02:00", "Austria")
GRAZ = Place("AT", "Styria", "Graz", "8010", 47.0625, 15.453125, "+02:00", "Austria")
PARIS = Place("FR", "Ile-de-France", "Paris, 1er", "75001", 48.859375, 2.34375, "+02:00", "France")
V4 = (Row("1.0.0.0", "1.0.0.255", LINZ), Row("1.0.1.0", "1.0.3.255", GRAZ),
      Row("8.8.8.0", "8.8.8.255", PARIS))
V6 = (Row("2001:db8::", "2001:db8::ffff", PARIS), Row("2400::", "2400:ff::", LINZ))


def csv_of(rows: Sequence[Row]) -> bytes:
    """The rows as a CSV of DB11, ranges without a place with dashes."""
    return b"".join(
        ",".join(f'"{cell}"' for cell in (
            number(row.first), number(row.last), row.place.country or "-", row.place.name or "-",
            row.place.region or "-", row.place.city or "-",
            f"{row.place.lat or 0:.6f}", f"{row.place.lon or 0:.6f}", row.place.zip or "-",
            row.place.zone or "-")).encode() + b"\r\n"
        for row in rows)


def number(address: str) -> int:
    return int(ip_address(address))


def zip_of(path: Path, **members: bytes) -> Path:
    """An archive with these members; their names have `_` for a dot."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return path


def bin_of(v4: Sequence[Row], v6: Sequence[Row] = ()) -> bytes:
    """The rows as a BIN of DB11; what lies between them is nowhere."""
    texts = bytearray()
    header_bytes = 64
    tables = [_closed(v4, 32), _closed(v6, 128)]
    sizes = [len(tables[0]) * (4 + 28), len(tables[1]) * (16 + 28)]
    texts_at = header_bytes + sum(sizes)

    def text(value: str, more: bytes = b"") -> int:
        at = texts_at + len(texts)
        raw = value.encode() or b"-"
        texts.extend(bytes([len(raw)]) + raw + more)
        return at

    def row(place: Place) -> bytes:
        name = (place.name or "-").encode()
        country = text(place.country or "--", bytes([len(name)]) + name)
        region, city = text(place.region), text(place.city)
        zip_code, zone = text(place.zip), text(place.zone)
        return struct.pack("<3I2f2I", country, region, city, place.lat or 0.0, place.lon or 0.0,
                           zip_code, zone)

    body = b"".join(
        start.to_bytes(bits // 8, "little") + row(place)
        for bits, table in zip((32, 128), tables, strict=True) for start, place in table)
    counts = [max(len(table) - 1, 0) for table in tables]
    header = HEADER.pack(11, 8, 26, 11, 1, counts[0], header_bytes + 1, counts[1],
                         header_bytes + sizes[0] + 1)
    header += bytes(8) + b"\x01\x01" + bytes(header_bytes)
    return header[:header_bytes] + body + bytes(texts)


def _closed(rows: Sequence[Row], bits: int) -> list[tuple[int, Place]]:
    """Starts and places without gaps, and the row that ends the last."""
    if not rows:
        return []
    table, at = [], 0
    for row in rows:
        if number(row.first) > at:
            table.append((at, Place()))
        table.append((number(row.first), row.place))
        at = number(row.last) + 1
    top = (1 << bits) - 1
    return [*table, (at, Place()), (top, Place())]


def mapped(address: str) -> str:
    """An address of version 4 as one of version 6."""
    return str(ip_address(MAPPED + ip_address(address).packed))


def mmdb_of(networks: Sequence[tuple[str, dict[str, object]]], kind: str = "Test-City") -> bytes:
    """A file in MaxMind's format (version 2.0, records of 24 bits, addresses of version 6)."""
    nodes: list[list[int | None]] = [[None, None]]
    data = bytearray()
    offsets: list[int] = []
    leaves: dict[tuple[int, int], int] = {}
    for network, record in networks:
        address, _, length = network.partition("/")
        bits = f"{number(address):0128b}"[:int(length) + (96 if "." in address else 0)]
        at = 0
        for bit in map(int, bits[:-1]):
            following = nodes[at][bit]
            if following is None:
                following = nodes[at][bit] = len(nodes)
                nodes.append([None, None])
            at = following
        leaves[at, int(bits[-1])] = len(offsets)
        offsets.append(len(data))
        data += _encoded(record)
    tree = bytearray()
    for place, sides in enumerate(nodes):
        for bit, following in enumerate(sides):
            leaf = leaves.get((place, bit))
            value = len(nodes) + 16 + offsets[leaf] if leaf is not None else \
                len(nodes) if following is None else following
            tree += value.to_bytes(3, "big")
    short = {name: _control(5, 2) + value.to_bytes(2, "big") for name, value in (
        ("record_size", 24), ("ip_version", 6), ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0))}
    about: dict[str, object] = {
        **short, "node_count": len(nodes), "database_type": kind, "languages": ["en"],
        "build_epoch": _control(9, 8) + (1_700_000_000).to_bytes(8, "big"), "description": {}}
    return bytes(tree) + bytes(16) + bytes(data) + b"\xab\xcd\xefMaxMind.com" + _encoded(about)


def _encoded(value: object) -> bytes:
    """A value in MaxMind's data section; bytes are encoded already."""
    match value:
        case bytes():
            return value
        case str():
            return _control(2, len(value.encode())) + value.encode()
        case float():
            return _control(3, 8) + struct.pack(">d", value)
        case int():
            return _control(6, 4) + value.to_bytes(4, "big")
        case dict():
            return _control(7, len(value)) + b"".join(
                _encoded(key) + _encoded(inner) for key, inner in value.items())
        case list():
            return _control(11, len(value)) + b"".join(map(_encoded, value))
    raise AssertionError


def _control(kind: int, size: int) -> bytes:
    assert size < 285
    length, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | length]) if kind < 8 else bytes([length, kind - 7])) + more
