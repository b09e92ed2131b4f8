"""Spools in tests: who was answered what, segments made by hand, reading all there is."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tracker.durable import Files
from tracker.errors import SpoolUnavailable
from tracker.settings import SpoolSettings
from tracker.spool.layout import segment_path
from tracker.spool.reader import Record, SpoolReader
from tracker.spool.segment import (
    FIRST_GROUP,
    SegmentHeader,
    encode_group,
    encode_header,
    next_group,
    seed_of,
)
from tracker.spool.writer import PENDING_BYTES, Spool

SPOOL_ID = bytes(range(16))
SALT = b"a salt of length"


class Answers:
    """What a spool delivered: waiters whose records are on disk, and those that were refused."""

    def __init__(self, counts: Callable[[], bool] = lambda: True) -> None:
        self.groups: list[list[object]] = []
        self.acknowledged: list[object] = []
        self.refused: list[object] = []
        self.errors: list[SpoolUnavailable] = []
        self._counts = counts
        self._changed = threading.Condition()

    def deliver(self, waiters: list[object], error: SpoolUnavailable | None) -> None:
        with self._changed:
            self.groups.append(waiters)
            if error is not None:
                self.refused += waiters
                self.errors.append(error)
            elif self._counts():
                self.acknowledged += waiters
            else:
                self.refused += waiters
            self._changed.notify_all()

    def wait(self, count: int) -> None:
        """Until so many waiters have an answer."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: len(self.acknowledged) + len(self.refused) >= count, 30)


def make_spool(directory: Path, answers: Answers, *, segment_bytes: int = 8192,
               files: Files | None = None, pending_bytes: int = PENDING_BYTES) -> Spool:
    """A spool with small segments."""
    return Spool(directory, SpoolSettings(segment_bytes=segment_bytes), answers.deliver,
                 files=files, pending_bytes=pending_bytes)


def fill(directory: Path, records: Sequence[bytes], segment_bytes: int = 8192) -> None:
    """Open a spool, commit records one group each, close it."""
    answers = Answers()
    spool = make_spool(directory, answers, segment_bytes=segment_bytes)
    spool.open()
    for number, record in enumerate(records, 1):
        spool.append(record, record)
        answers.wait(number)
    spool.close()
    assert list(records) == answers.acknowledged


def read_all(reader: SpoolReader, at_once: int = 100) -> list[Record]:
    """All that can be read now."""
    found: list[Record] = []
    while records := reader.read(at_once, 1 << 20):
        found += records
    return found


def read_fresh(directory: Path) -> list[Record]:
    """All that a new reader finds."""
    reader = SpoolReader(directory)
    try:
        return read_all(reader)
    finally:
        reader.close()


def build_segment(groups: Sequence[Sequence[bytes]], generation: int = 1, *, previous: int = 0,
                  previous_end: int = 0, zeros: int = 1024) -> bytes:
    """The bytes of a segment with these groups, and zeros behind them."""
    header = SegmentHeader(SPOOL_ID, generation, SALT, 0, previous, previous_end)
    content = bytearray(encode_header(header))
    sequence = 1
    for number, group in enumerate(groups, 1):
        content.extend(bytes(next_group(len(content)) - len(content)))
        content += encode_group(group, seed_of(SALT), len(content), sequence, number)
        sequence += len(group)
    assert len(content) >= FIRST_GROUP
    return bytes(content) + bytes(zeros)


def place_segment(directory: Path, content: bytes, generation: int = 1) -> None:
    """Put a segment where a reader finds it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / "id").write_text(SPOOL_ID.hex())
    segment_path(directory, generation).write_bytes(content)
