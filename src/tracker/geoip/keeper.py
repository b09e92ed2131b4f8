"""Keeps the places of the store process: makes the form of data when they change, and maps it."""

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from tracker.durable import Files, make_directory, remove
from tracker.errors import TrackerError
from tracker.geoip import NOWHERE, GeoLookup, Place
from tracker.geoip.build import Order, build_apart
from tracker.geoip.form import Form
from tracker.geoip.lookup import Lookup
from tracker.geoip.registry import ATTRIBUTION, registry
from tracker.geoip.sources import key_of, name_of
from tracker.geoip.told import NAME, Told, read_told
from tracker.settings import GeoSettings
from tracker.state import write_state

LOOK_SECONDS = 2.0

log = structlog.get_logger("places")


class Keeper:
    """The lookup that refining asks; `run` in a thread of its own keeps it new."""

    def __init__(self, settings: GeoSettings, directory: Path, *, debug: bool = False,
                 disk: Files | None = None) -> None:
        self._settings = settings
        self._directory = directory
        self._debug = debug
        self._disk = disk or Files()
        make_directory(self._disk, directory)
        self._registry = registry()
        self._current: tuple[GeoLookup, str] | None = None
        if self._registry is not None:
            self._current = self._registry, self._registry.version
        self.used = ""
        """Version of what `find` asked last."""
        self._told = read_told(directory)
        self._seen = ""
        self._refused = ""
        self._open()

    def _open(self) -> None:
        """Take up what a process before this one made, as long as it is asked for."""
        told = self._told
        if told.file and self._settings.files:
            try:
                self._use(told)
            except (OSError, TrackerError) as error:
                log.warning("places are made anew", error=str(error))
                told = Told()
        elif not self._settings.files:
            told = Told()
        if not told.file and self._registry is not None:
            told = Told(version=self._registry.version, attribution=ATTRIBUTION)
        self._tell(msgspec.structs.replace(told, building=False, error=None))

    def _use(self, told: Told) -> None:
        form = Form(self._directory / told.file)
        form.verify()
        self._current = Lookup(form), told.version

    def _fault(self, told: Told) -> str | None:
        """Use new places, or say why not."""
        try:
            self._use(told)
        except (OSError, TrackerError) as error:
            return str(error)
        return None

    def find(self, addresses: Sequence[str]) -> list[Place]:
        """The place of each address by the newest data that are there."""
        current = self._current
        if current is None:
            return [NOWHERE] * len(addresses)
        lookup, self.used = current
        return lookup.find(addresses)

    def run(self, stop: threading.Event) -> None:
        """Look at the files every few seconds until `stop` is set."""
        while self._settings.files and not stop.is_set():
            self.look(stop)
            stop.wait(LOOK_SECONDS)

    def look(self, stop: threading.Event) -> None:
        """Make the form anew if a file has changed, and rests since the last look."""
        try:
            key = key_of(self._settings.files, self._settings.version)
        except OSError as error:
            self._complain(f"{error.filename} cannot be read: {error.strerror}")
            return
        rests, self._seen = key == self._seen, key
        if key == self._told.key:
            self._tell(msgspec.structs.replace(self._told, error=None))
        elif rests and key != self._refused:
            self._make(key, stop)

    def _make(self, key: str, stop: threading.Event) -> None:
        self._tell(msgspec.structs.replace(self._told, building=True))
        name = name_of(self._settings.files, key)
        log.info("reading places", files=name)
        target = self._directory / f"{key}.places"
        outcome = build_apart(Order(list(self._settings.files), target, self._debug), stop)
        if outcome is None:
            return
        old = self._told.file
        told = Told(target.name, key, name, outcome.attribution)
        error = outcome.error or self._fault(told)
        if error is not None:
            self._refused = key
            self._complain(error)
            return
        self._tell(told)
        log.info("places are in use", version=name, ranges=outcome.ranges)
        if old and old != target.name:
            with contextlib.suppress(OSError):
                remove(self._disk, self._directory / old)

    def _complain(self, error: str) -> None:
        if error != self._told.error:
            log.error("new places are not in use", error=error)
        self._tell(msgspec.structs.replace(self._told, error=error, building=False))

    def _tell(self, told: Told) -> None:
        if told == self._told and (self._directory / NAME).exists():
            return
        self._told = told
        with contextlib.suppress(OSError):  # a full disk: said by the sequencer already
            write_state(self._disk, self._directory / NAME, told)
