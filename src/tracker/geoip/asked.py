"""The place of one address, for whoever asks a worker: of the file that the store process keeps."""

import contextlib
from pathlib import Path

import msgspec

from tracker.errors import TrackerError
from tracker.geoip import Place
from tracker.geoip.addresses import packed
from tracker.geoip.form import Form
from tracker.geoip.registry import registry
from tracker.geoip.told import NAME, Told, read_told


class Found(msgspec.Struct, frozen=True):
    """A place, and the range of addresses that lie there; None where the data have no ranges."""

    place: Place
    first: int | None = None
    last: int | None = None


class Asked:
    """Finds single addresses, with what the store process has newly made."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._registry = registry()
        self._stamp = (0, 0)
        self._form: tuple[str, Form] | None = None
        self._told = Told()

    @property
    def told(self) -> Told:
        """How the data stand now."""
        with contextlib.suppress(OSError):
            stat = (self._directory / NAME).stat()
            stamp = stat.st_mtime_ns, stat.st_ino
            if stamp != self._stamp:
                self._stamp, self._told = stamp, read_told(self._directory)
                self._open()
        return self._told

    def _open(self) -> None:
        name = self._told.file
        if not name:
            self._form = None
        elif self._form is None or self._form[0] != name:
            with contextlib.suppress(OSError, TrackerError):  # else the old one goes on
                self._form = name, Form(self._directory / name)

    @property
    def has_data(self) -> bool:
        """Whether there is anything to find places in."""
        return bool(self.told.file and self._form) or self._registry is not None

    def find(self, address: str) -> Found:
        """Where an address in canonical text is."""
        key = packed(address)
        if self.told.file and self._form is not None and key:
            first, last, place = self._form[1].range_of(key)
            return Found(place, first, last)
        if self._registry is not None:
            return Found(self._registry.find([address])[0])
        return Found(Place())
