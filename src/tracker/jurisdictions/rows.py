"""The list of laws as a hit, so that it gets into SQL like all else: once per change."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tracker.durable import Files
from tracker.errors import TrackerError
from tracker.hit import Hit, Route, Shape, id_text
from tracker.jurisdictions import Jurisdiction
from tracker.state import read_state, write_state

_HEAD = b"POST /tr/v1/ppi/jds HTTP/1.1\r\n"
NAME = "jurisdictions.json"


class Published(msgspec.Struct, frozen=True):
    """What SQL has been given: the digest of the list, its entries, and how many lists before."""

    turn: int = 0
    digest: str = ""
    keys: list[tuple[str, str]] = []


def published(directory: Path) -> Published:
    """What was given last; nothing where that is not to be read."""
    try:
        return read_state(Files(), directory / NAME, Published, "it is given again")[0]
    except (OSError, TrackerError, UnicodeDecodeError):
        return Published()


def following(before: Published, entries: Sequence[Jurisdiction]) -> Published | None:
    """What to give next; None when SQL has this list already."""
    digest = hashlib.sha256(msgspec.json.encode(entries)).hexdigest()
    if digest == before.digest:
        return None
    return Published(before.turn + 1, digest, [entry.key for entry in entries])


def hit_of(before: Published, now: Published, entries: Sequence[Jurisdiction], received: int,
           identity: bytes) -> Hit:
    """One event per entry, and one per entry that is no more.

    Each has an id that follows from the list, so that whoever gives the same list again, after a
    crash or from another worker, adds nothing.
    """
    gone = [key for key in before.keys if key not in set(now.keys)]
    rows = [(entry.key, _rules(entry), {"codes": entry.locs}) for entry in entries]
    rows += [(key, {"withdrawn": True}, {}) for key in gone]
    events = [
        {"eid": _id(now, key), "law": {"regulation": key[0], "compliance": key[1], "seq": 1,
                                       "rules": rules, "locs": locs}}
        for key, rules, locs in rows]
    return Hit(identity, received, Route.LAWS, "", _HEAD, msgspec.json.encode(events),
               Shape.ARRAY, len(events))


def remember(directory: Path, now: Published) -> None:
    """Note that SQL was given a list, durably; raises OSError."""
    write_state(Files(), directory / NAME, now)


def _rules(entry: Jurisdiction) -> dict[str, object]:
    return {"consent": entry.consent, "signal": entry.signal, "name": entry.name,
            "since": entry.since, "source": entry.source, "known": entry.known,
            "note": entry.note}


def _id(now: Published, key: tuple[str, str]) -> str:
    """A UUID of this list and entry (version 8, RFC 9562)."""
    text = "\0".join((str(now.turn), now.digest, *key)).encode()
    digest = bytearray(hashlib.sha256(text).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return id_text(bytes(digest))
