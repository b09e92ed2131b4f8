"""Laws that ask for consent, notice or a way out: the list in the package, and the operator's."""

import contextlib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import msgspec

from tracker.errors import TrackerError

MOST_BYTES = 4 << 20

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
_Text = Annotated[str, msgspec.Meta(max_length=2_000)]
_Date = Annotated[str, msgspec.Meta(pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")]
_Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
_Location = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]


class Jurisdiction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One law, or one part of it that asks for something of its own.

    `regulation`  short name; with `compliance`, what is regulated, it names the entry
    `since`       from when its duties hold: a day, a month or a year
    `locs`        where: countries (ISO 3166-1) and parts of them (ISO 3166-2)
    `consent`     opt-in: not before a yes; opt-out: until a no; notice: tell, and hear objections
    `signal`      a browser's signal to opt out (Global Privacy Control) counts as a no
    `source`      act and article
    `known`       the day up to which this was known to be so
    """

    regulation: _Word
    compliance: _Word
    name: _Word
    since: _Date
    locs: Annotated[list[_Location], msgspec.Meta(min_length=1, max_length=1_000)]
    consent: Literal["opt-in", "opt-out", "notice"]
    source: _Text
    known: _Day
    signal: bool = False
    note: _Text = ""

    @property
    def key(self) -> tuple[str, str]:
        """What is unique to it."""
        return self.regulation, self.compliance


class Rules(TypedDict):
    """What a law asks for."""

    consent: Literal["opt-in", "opt-out", "notice"]
    signal: bool


class Law(TypedDict):
    """A `Jurisdiction` as clients get it: the columns of the table, and ours."""

    regulation: str
    compliance: str
    seq: int
    rules: Rules
    locs: list[str]
    updated_at: str
    name: str
    since: str
    consent: Literal["opt-in", "opt-out", "notice"]
    source: str
    known: str
    note: str


class _List(msgspec.Struct, forbid_unknown_fields=True):
    jurisdictions: Annotated[list[Jurisdiction], msgspec.Meta(max_length=10_000)]
    about: str = ""
    replace: bool = False


def built_in() -> list[Jurisdiction]:
    """The list in the package."""
    return _decoded(files(__name__).joinpath("list.json").read_bytes(), "the list").jurisdictions


def with_file(path: Path) -> list[Jurisdiction]:
    """The list in the package as the operator's file changes it.

    An entry with the `regulation` and `compliance` of another takes its place; `"replace": true`
    leaves only those of the file. Raises `TrackerError`, with the place of what is wrong.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TrackerError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise TrackerError(f"{path} has more than {MOST_BYTES} bytes")
    own = _decoded(data, str(path))
    entries = {} if own.replace else {entry.key: entry for entry in built_in()}
    return list((entries | {entry.key: entry for entry in own.jurisdictions}).values())


def _decoded(data: bytes, name: str) -> _List:
    try:
        found = msgspec.json.decode(data, type=_List)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TrackerError(f"{name}: {error}") from None
    keys = [entry.key for entry in found.jurisdictions]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise TrackerError(f"{name}: {' / '.join(twice)} stands in it twice")
    return found


def answer(entries: list[Jurisdiction]) -> list[Law]:
    """The list as clients get it."""
    return [
        {"regulation": entry.regulation, "compliance": entry.compliance, "seq": 1,
         "rules": {"consent": entry.consent, "signal": entry.signal},
         "locs": entry.locs, "updated_at": f"{entry.known}T00:00:00Z",
         "name": entry.name, "since": entry.since, "consent": entry.consent,
         "source": entry.source, "known": entry.known, "note": entry.note}
        for entry in entries]


class Jurisdictions:
    """The list that holds now: looks whether the operator's file has changed when it is asked."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._entries = built_in()
        self.error: str | None = None
        """What is wrong with the operator's file, while the list before it holds."""

    def now(self) -> list[Jurisdiction]:
        """The entries that hold."""
        if self._path is None:
            return self._entries
        stamp = (-1, -1)
        with contextlib.suppress(OSError):
            stat = self._path.stat()
            stamp = stat.st_mtime_ns, stat.st_size
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._entries, self.error = with_file(self._path), None
            except TrackerError as error:
                self.error = f"Jurisdictions: {error}"
        return self._entries
