"""What an operator does with what was set aside: list it, look at it, send it through again."""

import base64
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tracker.batches.deadletters import WHOLE, DeadLetter, DeadLetters
from tracker.errors import SpoolUnavailable, TrackerError
from tracker.hit import Hit, Route, decode_hit, encode_hit
from tracker.settings import SpoolSettings
from tracker.spool.writer import Spool

_DIRECTORY = "replay"


class Summary(msgspec.Struct, frozen=True):
    """The letters of one batch, by reason."""

    batch: int
    letters: int
    reasons: dict[str, int]


def summaries(dead: DeadLetters) -> list[Summary]:
    """One per batch that has letters, oldest first."""
    reasons: dict[int, Counter[str]] = {}
    for n, _, letter in dead.letters():
        reasons.setdefault(n, Counter())[letter.reason] += 1
    return [Summary(n, counted.total(), dict(counted)) for n, counted in reasons.items()]


def described(dead: DeadLetters, batch: int) -> Iterator[dict[str, object]]:
    """The letters of a batch for people: why, when, and what was sent."""
    for n, line, letter in dead.letters():
        if n == batch:
            yield {"batch": n, "letter": line, "reason": letter.reason, **_content(letter)}


def replay(dead: DeadLetters, batches: Collection[int], spools: Path,
           settings: SpoolSettings) -> int:
    """Put the events of letters back into a spool of their own; gives back how many.

    A running tracker finds the spool by itself; else the next start does. The letters are deleted
    once their events are synced. A crash between the two leaves both: replay again, as the events
    are marked, and the gate remembers their ids like those that clients send.
    """
    chosen = [(n, letter) for n, _, letter in dead.letters() if n in batches]
    missing = set(batches) - {n for n, _ in chosen}
    if missing:
        raise TrackerError(f"there are no dead letters of batch {min(missing)};"
                           " see `tracker replay list`")
    count = _append(records([letter for _, letter in chosen]), spools / _DIRECTORY, settings)
    for n in sorted({n for n, _ in chosen}):
        dead.forget(n)
    return count


def records(letters: Sequence[DeadLetter]) -> list[tuple[bytes, int]]:
    """One spool record per hit that holds only the events with letters, and how many these are.

    The others of the hit landed; they must not come twice.
    """
    indexes: dict[bytes, set[int]] = {}
    for letter in letters:
        indexes.setdefault(letter.record, set()).add(letter.index)
    return [_narrowed(record, chosen) for record, chosen in indexes.items()]


def _narrowed(record: bytes, chosen: set[int]) -> tuple[bytes, int]:
    hit = _hit(record)
    if hit is None:
        return record, 1
    if WHOLE in chosen:
        return encode_hit(msgspec.structs.replace(hit, replayed=True)), hit.events
    total = hit.events + len(hit.refused)
    refused = tuple(index for index in range(total) if index not in chosen)
    events = total - len(refused)
    return encode_hit(msgspec.structs.replace(
        hit, refused=refused, events=events, replayed=True)), events


def _append(items: Sequence[tuple[bytes, int]], directory: Path, settings: SpoolSettings) -> int:
    failures: list[SpoolUnavailable] = []

    def deliver(_: list[object], error: SpoolUnavailable | None) -> None:
        if error is not None:
            failures.append(error)

    spool = Spool(directory, settings, deliver)
    spool.open()
    try:
        for record, events in items:
            spool.append(record, None, events)
    finally:
        spool.close()
    if failures:
        raise failures[0]
    return sum(events for _, events in items)


def _content(letter: DeadLetter) -> dict[str, object]:
    hit = _hit(letter.record)
    if hit is None:
        return {"record": base64.b64encode(letter.record).decode()}
    return {
        "received": datetime.fromtimestamp(hit.received / 1e9, UTC).isoformat(),
        "route": Route(hit.route).name.lower() if hit.route in set(Route) else hit.route,
        "address": hit.address,
        "event": None if letter.index == WHOLE else letter.index,
        "head": hit.head.decode("utf-8", "backslashreplace"),
        "body": hit.body.decode("utf-8", "backslashreplace"),
    }


def _hit(record: bytes) -> Hit | None:
    try:
        return decode_hit(record)
    except msgspec.DecodeError:
        return None
