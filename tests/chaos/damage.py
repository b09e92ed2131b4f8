"""Bits that flip in the files of a spool: where its records stand, and which are sealed."""

import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracker.batch import Manifest
from tracker.spool.layout import generations, read_id, segment_path
from tracker.spool.mark import MarkReader
from tracker.spool.resync import find_headers
from tracker.spool.segment import (
    FIRST_GROUP,
    RECORD,
    RECORD_HEADER_BYTES,
    decode_header,
    seed_of,
)

_MARK = re.compile(rb'(?:"k": ?"|/k/)([0-9a-f]{16})')


@dataclass(frozen=True, slots=True)
class Place:
    """One synced record: its file, its bytes from `start` to `end`, and the events in it."""

    path: Path
    start: int
    end: int
    marks: frozenset[str]

    def flip(self, dice: random.Random) -> None:
        """Turn over one to three bits of it."""
        with self.path.open("r+b") as file:
            for _ in range(dice.randint(1, 3)):
                at = dice.randrange(self.start, self.end)
                byte = os.pread(file.fileno(), 1, at)[0]
                os.pwrite(file.fileno(), bytes([byte ^ 1 << dice.randrange(8)]), at)


def places(data: Path, *, sealed: bool) -> list[Place]:
    """The synced records of all spools that are in a sealed batch, or those that are not."""
    ends = _sealed(data)
    found: list[Place] = []
    for directory in sorted((data / "spool").iterdir()):
        spool_id = read_id(directory)
        if spool_id is not None:
            end = ends.get(spool_id, (0, 0))
            found += [place for number, place in _records(directory)
                      if (number <= end) == sealed]
    return found


def _sealed(data: Path) -> dict[str, tuple[int, int]]:
    """How far each spool is sealed, as the newest manifest says: generation, sequence."""
    paths = sorted((data / "batches").glob("[0-9]*.json"))
    if not paths:
        return {}
    manifest = msgspec.json.decode(paths[-1].read_bytes(), type=Manifest)
    return {spool: (end.generation, end.sequence) for spool, end in manifest.spools.items()}


def _records(directory: Path) -> list[tuple[tuple[int, int], Place]]:
    """The synced records of one spool whose worker lives, with generation and sequence."""
    reader = MarkReader(directory)
    mark = reader.read()
    reader.close()
    found = []
    for generation in generations(directory):
        if generation > mark.generation:
            continue
        path = segment_path(directory, generation)
        content = path.read_bytes()
        header = decode_header(content[:FIRST_GROUP])
        if header is None:
            continue
        limit = mark.end if generation == mark.generation else len(content)
        for head in find_headers(content[FIRST_GROUP:limit], seed_of(header.salt), FIRST_GROUP,
                                 1, 1):
            length = RECORD.unpack_from(content, head.offset)[0]
            end = head.offset + RECORD_HEADER_BYTES + length
            marks = {mark.decode() for mark in _MARK.findall(content[head.offset:end])}
            found.append(((generation, head.sequence),
                          Place(path, head.offset, end, frozenset(marks))))
    return found
