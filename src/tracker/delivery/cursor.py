"""How far one store has come. Moves only after the store took every table of the batch."""

import threading
from pathlib import Path

import msgspec

from tracker.durable import Files, make_directory
from tracker.state import read_state, write_state


class Gap(msgspec.Struct, frozen=True):
    """Batches that a store missed while it was suspended: from, up to and with."""

    first: int
    last: int


class Position(msgspec.Struct):
    """The last batch of `sequencer` that landed, and what was missed.

    `rows` of all batches that landed; `suspended` since the last one, if at all.
    """

    sequencer: str
    landed: int
    gaps: list[Gap] = msgspec.field(default_factory=list)
    suspended: bool = False
    rows: int = 0


class Cursor:
    """A file per store with its `Position`."""

    def __init__(self, path: Path, sequencer: str, oldest_kept: int,
                 files: Files | None = None) -> None:
        """A store without a file for this sequencer begins at the oldest batch still here."""
        self._path = path
        self._files = files or Files()
        self._lock = threading.Lock()
        self.was_damaged = False
        if path.exists():
            self.position, whole = read_state(
                self._files, path, Position, "delete it, and all batches that are still kept are"
                " landed again; the store skips what it has")
            self.was_damaged = not whole
            if self.position.sequencer == sequencer:
                self._files.sync_directory(path.parent)  # rows that landed are deleted by it
                return
        make_directory(self._files, path.parent)
        missed = [Gap(1, oldest_kept - 1)] if oldest_kept > 1 else []
        self._save(Position(sequencer, oldest_kept - 1, missed))

    @property
    def landed(self) -> int:
        """The last batch landed."""
        return self.position.landed

    # Two threads move it: the courier's, and the one that suspends.

    def advance(self, n: int, rows: int) -> None:
        """Batch `n` is in, in every table; the store took `rows` of it."""
        with self._lock:
            self._save(self._at(n, self.position.gaps, self.position.rows + rows))

    def suspend(self) -> None:
        """Give up waiting for the store: batches behind the cursor may go."""
        with self._lock:
            self._save(self._at(self.landed, self.position.gaps, self.position.rows,
                                suspended=True))

    def resume(self, oldest_kept: int) -> None:
        """Go on with the oldest batch that is still here; what went meanwhile is a gap."""
        with self._lock:
            gaps = self.position.gaps
            if oldest_kept > self.landed + 1:
                gaps = [*gaps, Gap(self.landed + 1, oldest_kept - 1)]
            self._save(self._at(max(self.landed, oldest_kept - 1), gaps, self.position.rows))

    def go_back(self, n: int, rows: int) -> None:
        """Land batch `n` and all behind it again, which had landed with `rows`.

        What was missed from there on is no gap then.
        """
        gaps = [Gap(gap.first, min(gap.last, n - 1)) for gap in self.position.gaps if gap.first < n]
        self._save(self._at(min(self.landed, n - 1), gaps, max(self.position.rows - rows, 0)))

    def _at(self, landed: int, gaps: list[Gap], rows: int, *, suspended: bool = False) -> Position:
        return Position(self.position.sequencer, landed, gaps, suspended, rows)

    def _save(self, position: Position) -> None:
        write_state(self._files, self._path, position)
        self.position = position
