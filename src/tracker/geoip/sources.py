"""Files of places as they are configured: what each is, and how it is read."""

import hashlib
import lzma
import mmap
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from tracker.geoip.collector import Collector, DataRefused
from tracker.geoip.ip2bin import looks_like_bin, read_bin
from tracker.geoip.ip2csv import read_csv
from tracker.geoip.mmdb import MARK, MARK_WITHIN, read_mmdb
from tracker.settings import GeoFile

VERSION: Final = 1
"""Of the way from data to the form; a greater one makes every file anew."""
MOST_UNPACKED: Final = 3 << 30

ATTRIBUTIONS: Final = {
    "ip2location": "This site or product includes IP2Location LITE data available from"
                   " https://lite.ip2location.com.",
    "dbip": "IP geolocation by DB-IP, https://db-ip.com.",
    "geolite": "This product includes GeoLite2 data created by MaxMind, available from"
               " https://www.maxmind.com.",
}
"""What the licences of free data ask to be shown."""


def key_of(files: Sequence[GeoFile], version: int) -> str:
    """What changes whenever a file does, or `GeoIPVersion`; raises OSError where one is missing."""
    digest = hashlib.sha256(f"{VERSION} {version}".encode())
    for file in files:
        stat = file.path.stat()
        digest.update(f"\n{file.path}\0{file.member}\0{file.v6}\0{stat.st_size}"
                      f"\0{stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def name_of(files: Sequence[GeoFile], key: str) -> str:
    """What manifests and pages call the data."""
    return f"{', '.join(file.path.name for file in files)} ({key})"


def read(file: GeoFile, collector: Collector) -> str:
    """Collect one file, and give the attribution it asks for.

    Raises `DataRefused`, `ExtraMissing`, OSError.
    """
    try:
        with file.path.open("rb") as stream:
            head = stream.read(64)
            if head[:2] == b"PK":
                return _zipped(file, collector)
            if _has_mark(stream):
                return _attribution(read_mmdb(file.path, collector))
            stream.seek(0)
            if looks_like_bin(head):
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped, \
                        memoryview(mapped) as data:
                    read_bin(data, collector)
            else:
                _hold_to_text(head)
                read_csv(stream, collector, v6=file.v6)
            return ATTRIBUTIONS["ip2location"]
    except DataRefused as error:
        raise DataRefused(f"{file.path}: {error}") from None


def _hold_to_text(head: bytes) -> None:
    if not head.strip() or not head.isascii() or b"\0" in head:
        raise DataRefused("it is neither a zip, a CSV, a BIN nor an .mmdb file")


def _has_mark(stream: BinaryIO) -> bool:
    size = stream.seek(0, 2)
    stream.seek(max(size - MARK_WITHIN, 0))
    return MARK in stream.read()


def _attribution(kind: str) -> str:
    lowered = kind.lower()
    return next((text for mark, text in ATTRIBUTIONS.items() if mark in lowered.replace("-", "")),
                "")


def _zipped(file: GeoFile, collector: Collector) -> str:
    try:
        with zipfile.ZipFile(file.path) as archive:
            member = _member(archive, file.member)
            if member.file_size > MOST_UNPACKED:
                raise DataRefused(f"{member.filename} in it has {member.file_size} bytes, more"
                                  f" than {MOST_UNPACKED}")
            with archive.open(member) as stream:
                if member.filename.lower().endswith(".bin"):
                    read_bin(memoryview(stream.read()), collector)
                else:
                    read_csv(cast("BinaryIO", stream), collector, v6=file.v6)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OverflowError,
            zlib.error, lzma.LZMAError) as error:
        raise DataRefused(f"the archive is damaged: {error}") from None
    return ATTRIBUTIONS["ip2location"]


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The member of that name, whatever its case and folder; else the first with data."""
    members = [entry for entry in archive.infolist() if not entry.is_dir()]
    for entry in members:
        if name and Path(entry.filename).name.lower() == name.lower():
            return entry
    for entry in members:
        if entry.filename.lower().endswith((".csv", ".bin")) and not name:
            return entry
    raise DataRefused(f"there is no {name or '.csv or .bin'} in the archive, but"
                      f" {', '.join(entry.filename for entry in members[:5]) or 'nothing'}")
