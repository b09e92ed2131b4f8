"""Sends again what was set aside: dead letters through a spool, kept batches to one store."""

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tracker.batches.deadletters import WHOLE, DeadLetter, DeadLetters
from tracker.batches.files import BatchFiles
from tracker.delivery.cursor import Cursor
from tracker.errors import TrackerError
from tracker.hit import Hit, decode_hit, encode_hit
from tracker.settings import Settings
from tracker.spool.writer import Spool


def listed(settings: Settings) -> Iterator[str]:
    """One line per dead letter and per row that a store refused."""
    dead = _dead(settings)
    for n, line, letter in dead.letters():
        received = datetime.fromtimestamp(letter.received / 1e9, UTC)
        which = "all its events" if letter.index == WHOLE else f"event {letter.index}"
        yield f"{n}/{line}  {received:%Y-%m-%d %H:%M:%S}  {letter.reason}  {which}"
    for name, refused in dead.refusals():
        yield f"{name}  refused by {refused.store}: {refused.reason}"


def shown(settings: Settings, batch: int) -> Iterator[str]:
    """The letters of one batch in full: head and body of each hit as text."""
    found = [letter for n, _, letter in _dead(settings).letters() if n == batch]
    if not found:
        raise TrackerError(f"batch {batch} has no dead letters: see `tracker replay list`")
    return map(_in_full, found)


def replayed(settings: Settings, batches: list[int]) -> int:
    """Put the letters of `batches` (all, if none is named) back; gives back how many.

    They go through a spool of their own, which a running tracker finds within seconds. Their ids
    are remembered like those that clients send: a replay that is cut off can be repeated.
    """
    dead = _dead(settings)
    letters = [(n, letter) for n, _, letter in dead.letters() if not batches or n in batches]
    failures: list[Exception] = []
    spool = Spool(settings.data_directory / "spool" / "replay", settings.spool,
                  lambda _, error: failures.append(error) if error else None)
    spool.open()
    try:
        for _, letter in letters:
            spool.append(_record(letter), None)
    finally:
        spool.close()
    if failures:
        raise TrackerError(f"nothing was deleted, a part may count: {failures[0]}; replay again")
    for n in {n for n, _ in letters}:
        dead.forget(n)
    return len(letters)


def rewound(settings: Settings, store: str, since: datetime) -> int:
    """Let `store` land again the kept batches with events received from `since` on.

    Gives back how many. They are kept for `Spool.KeepSeconds` after they landed everywhere.

    The tracker must be stopped. What the store holds already, it knows by its number.
    """
    if store not in {one.name for one in settings.stores}:
        raise TrackerError(f"no store {store}: the config has "
                           f"{', '.join(one.name for one in settings.stores)}")
    _require_stopped(settings.data_directory)
    files = BatchFiles(settings.data_directory / "batches")
    files.open()
    start = since.timestamp() * 1e9
    kept = [n for n in files.kept() if (found := files.manifest(n)) and found.newest >= start]
    if kept:
        cursor = Cursor(settings.data_directory / "cursors" / f"{store}.json", kept[0])
        if cursor.landed >= kept[0]:
            cursor.advance(kept[0] - 1)
    return len(kept)


def _dead(settings: Settings) -> DeadLetters:
    return DeadLetters(settings.data_directory / "dead")


def _in_full(letter: DeadLetter) -> str:
    try:
        hit = decode_hit(letter.record)
    except msgspec.DecodeError:
        return f"{letter.reason}\n\n{letter.record!r}"
    return f"{letter.reason}\n\n{_text(hit.head)}\n{_text(hit.body)}"


def _text(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace")


def _record(letter: DeadLetter) -> bytes:
    """The spool record of just the event that the letter is about."""
    try:
        hit = decode_hit(letter.record)
    except msgspec.DecodeError:
        return letter.record
    if letter.index == WHOLE:
        return encode_hit(msgspec.structs.replace(hit, replayed=True))
    return encode_hit(msgspec.structs.replace(
        hit, replayed=True, events=1, refused=_others(hit, letter.index)))


def _others(hit: Hit, index: int) -> tuple[int, ...]:
    return tuple(i for i in range(hit.events + len(hit.refused)) if i != index)


def _require_stopped(directory: Path) -> None:
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TrackerError("stop the tracker first: it holds the store's place") from None
    finally:
        os.close(descriptor)
