"""A sealed batch: events as one Arrow table, never changed, known by sequencer and number."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tracker.kinds import EVENT_KINDS, RowKind


class SpoolRange(msgspec.Struct, frozen=True):
    """How far a spool is sealed: up to and with record (`generation`, `sequence`).

    `hits` and `events` are totals since the spool was made.
    """

    generation: int
    sequence: int
    hits: int
    events: int


class Manifest(msgspec.Struct, frozen=True):
    """The account of one batch; its rename into place is what makes batch `n` exist.

    Every event the door accepted is one of: landed as a row, `filtered` by reason, `quarantined`
    as a dead letter by reason, or a `duplicate`: accepted = rows + the sum of these. `others` says
    how many of the rows are no events, but something else that was sent.
    Times are nanoseconds since 1970, UTC. `rows_crc` is the CRC-32 of the Arrow file; None in those
    of versions that made none. `imports` says of the files that lines of were imported how many of
    their lines are settled with this batch.
    """

    sequencer: str
    n: int
    sealed_at: int
    spools: dict[str, SpoolRange]
    hits: int
    accepted: int
    rows: int
    duplicates: int
    conflicts: int
    filtered: dict[str, int]
    quarantined: dict[str, int]
    oldest: int
    newest: int
    bytes: int
    versions: dict[str, str]
    rows_crc: int | None = None
    others: int = 0
    imports: dict[str, int] = {}


def kinds_of(table: pa.Table) -> frozenset[str]:
    """The kinds of its rows; a file from before there were kinds holds events only."""
    if "kind" not in table.column_names:
        return frozenset({RowKind.EVENT} if table.num_rows else ())
    return frozenset(pc.unique(table["kind"]).to_pylist())


def events_of(table: pa.Table) -> pa.Table:
    """Those of its rows that land in `events`."""
    if kinds_of(table) <= EVENT_KINDS:
        return table
    return table.filter(pc.is_in(table["kind"], pa.array(sorted(EVENT_KINDS))))


@dataclass(frozen=True, slots=True)
class Batch:
    """What couriers carry. `table` has one record batch with the columns of `BATCH_COLUMNS`.

    `path` is the Arrow IPC file that `table` was read from. `span` is the part of its rows
    (first, behind the last) that `table` holds; None is all.
    """

    manifest: Manifest
    path: Path
    table: pa.Table
    span: tuple[int, int] | None = None

    @property
    def n(self) -> int:
        """The batch's number; the first is 1."""
        return self.manifest.n

    def token(self, table: str) -> str:
        """What a store knows the rows of this batch in one of its tables by."""
        token = f"{self.manifest.sequencer}:{self.n}:{table}"
        return token if self.span is None else f"{token}:{self.span[0]}-{self.span[1]}"

    def part(self, first: int, behind: int) -> "Batch":
        """The rows from `first` up to `behind` (counted in the whole batch) as a batch."""
        offset = 0 if self.span is None else self.span[0]
        rows = self.table.slice(first - offset, behind - first)
        return Batch(self.manifest, self.path, rows, (first, behind))


def account_row(manifest: Manifest) -> dict[str, int | str | datetime]:
    """The row of `accounting` that a manifest makes; times are UTC, without a zone."""
    reasons = {"filtered": manifest.filtered, "quarantined": manifest.quarantined}
    return {
        "sequencer": manifest.sequencer,
        "batch": manifest.n,
        "sealed_at": _moment(manifest.sealed_at),
        "oldest": _moment(manifest.oldest),
        "newest": _moment(manifest.newest),
        "hits": manifest.hits,
        "accepted": manifest.accepted,
        "landed": manifest.rows - manifest.others,
        "others": manifest.others,
        "duplicates": manifest.duplicates,
        "conflicts": manifest.conflicts,
        "filtered": sum(manifest.filtered.values()),
        "quarantined": sum(manifest.quarantined.values()),
        "reasons": msgspec.json.encode(reasons).decode(),
    }


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000 / 1000, UTC).replace(tzinfo=None)
