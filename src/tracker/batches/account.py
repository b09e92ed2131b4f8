"""Decides a batch wholly: which events are rows, and what became of every other one."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TypedDict

import numpy as np
import pyarrow as pa
import structlog

from tracker.batch import Manifest, SpoolRange, events_of
from tracker.batches.deadletters import WHOLE, DeadLetter
from tracker.batches.gate import Bodies, EidGate, Ids, Verdict
from tracker.batches.pending import Taken
from tracker.batches.scarcity import is_scarcity
from tracker.batches.unfold import Unfolded, unfold
from tracker.hit import Hit
from tracker.refine.refined import Refined
from tracker.refine.refinery import Refinery

NOT_A_HIT = "not_a_hit"  # a spool record that no version of ours wrote
REFINE_FAILED = "refine_failed"  # refining raised: a defect of ours, the hit is kept
IMPORT_GAP = "import_gap"  # lines before these were lost on their way; import the file again

log = structlog.get_logger("sequencer")


class Counts(TypedDict):
    """The part of a manifest that says what became of the events."""

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
    others: int
    imports: dict[str, int]


@dataclass(frozen=True, slots=True)
class Sealing:
    """A batch before it is written. `hits` says how many of the pending hits it covers."""

    manifest: Manifest
    table: pa.Table
    ids: Ids
    bodies: Bodies
    letters: list[DeadLetter]
    hits: int


def account(
    taken: Sequence[Taken], sealed: dict[str, SpoolRange], imports: Mapping[str, int],
    refinery: Refinery, gate: EidGate, partitions: int,
    manifest: Callable[[dict[str, SpoolRange], Counts], Manifest],
) -> Sealing:
    """Refine hits, or as many of the first as fit in `partitions` months, and drop repeats."""
    unfolded = unfold(taken, imports)
    known, failed, refined = _refine(unfolded.hits, refinery)
    fitting = _fitting(refined, partitions)
    if fitting is not None:
        cut = next(place for hit, place in zip(unfolded.hits, unfolded.places, strict=True)
                   if hit is known[fitting])
        if cut:
            return account(taken[:cut], sealed, imports, refinery, gate, partitions, manifest)
    ids = refined.eids.view(">u8").reshape(-1, 2).astype(np.uint64)
    imported = np.array([hit.imported for hit in known], np.bool_)[refined.hit]
    replayed = np.array([hit.replayed for hit in known], np.bool_)[refined.hit]
    given = refined.given & ~imported | replayed
    verdict = gate.judge(ids, refined.body_hash, given)
    table = refined.table
    if verdict.duplicates:
        table = table.filter(pa.array(verdict.keep)).combine_chunks()
    remembered = verdict.keep & given
    letters = _letters(unfolded, known, failed, refined)
    counts = _counts(unfolded, table, verdict, refined, letters)
    return Sealing(
        manifest(_ranges(taken, sealed), counts), table,
        ids[remembered], refined.body_hash[remembered], [letter for letter, _ in letters],
        len(taken))


def _refine(hits: list[Hit], refinery: Refinery) -> tuple[list[Hit], list[Hit], Refined]:
    """Hits that refine, those at which refining raises, and the first ones refined."""
    try:
        return hits, [], refinery.refine(hits)
    except Exception as error:  # whatever it is, no hit may stop those behind it
        if is_scarcity(error):
            raise
        kind = type(error).__name__
        log.error("refining failed", hits=len(hits), error=kind)  # noqa: TRY400 - no data in logs
    failed = _culprits(hits, refinery)
    known = [hit for hit in hits if hit not in failed]
    return known, failed, refinery.refine(known)


def _culprits(hits: list[Hit], refinery: Refinery) -> list[Hit]:
    """The hits at which refining raises, found by halving."""
    try:
        refinery.refine(hits)
    except Exception as error:
        if is_scarcity(error):
            raise
        if len(hits) == 1:
            return hits
        half = len(hits) // 2
        return _culprits(hits[:half], refinery) + _culprits(hits[half:], refinery)
    return []


def _fitting(refined: Refined, partitions: int) -> int | None:
    """Where the first hit stands that goes beyond the partitions (months); None if none does."""
    months = refined.table["created_at"].to_numpy().astype("datetime64[M]").astype(np.int64)
    _, firsts = np.unique(months, return_index=True)
    if len(firsts) <= partitions:
        return None
    return int(refined.hit[np.sort(firsts)[partitions]]) or None


def _letters(
    unfolded: Unfolded, known: list[Hit], failed: list[Hit], refined: Refined,
) -> list[tuple[DeadLetter, int]]:
    """Each dead letter with the number of events it stands for."""
    if not (unfolded.unread or failed or refined.dead):
        return []
    places = {id(hit): place for place, hit in enumerate(unfolded.hits)}
    letters = [
        (DeadLetter(letter.reason, known[letter.hit].received, letter.index,
                    unfolded.record(places[id(known[letter.hit])])), 1)
        for letter in refined.dead
    ]
    letters += [
        (DeadLetter(REFINE_FAILED, hit.received, WHOLE, unfolded.record(places[id(hit)])),
         hit.events)
        for hit in failed
    ]
    letters += [
        (DeadLetter(NOT_A_HIT, 0, WHOLE, unfolded.taken[place].record.data),
         unfolded.taken[place].events)
        for place in unfolded.unread
    ]
    return letters


def _counts(
    unfolded: Unfolded, table: pa.Table, verdict: Verdict, refined: Refined,
    letters: list[tuple[DeadLetter, int]],
) -> Counts:
    quarantined: Counter[str] = Counter()
    for letter, events in letters:
        quarantined[str(letter.reason)] += events
    filtered = {str(reason): count for reason, count in refined.filtered.items()}
    if unfolded.gaps:
        filtered[IMPORT_GAP] = unfolded.gaps
    taken, duplicates = unfolded.taken, verdict.duplicates + unfolded.repeated
    accepted = (table.num_rows + duplicates + sum(filtered.values())
                + quarantined.total())
    if accepted != sum(item.events for item in taken):
        log.error("refining lost or made events", accepted=sum(item.events for item in taken),
                  accounted=accepted)
    times = [item.hit.received for item in taken if item.hit] or [0]
    return Counts(
        hits=len(taken), accepted=accepted, rows=table.num_rows, duplicates=duplicates,
        conflicts=verdict.conflicts, filtered=filtered, quarantined=dict(quarantined),
        oldest=min(times), newest=max(times), bytes=sum(len(item.record.data) for item in taken),
        others=table.num_rows - events_of(table).num_rows, imports=unfolded.imports)


def _ranges(taken: Sequence[Taken], sealed: dict[str, SpoolRange]) -> dict[str, SpoolRange]:
    """How far each spool is sealed with this batch, also those it takes nothing from."""
    ranges = dict(sealed)
    for spool_id, together in groupby(taken, attrgetter("spool_id")):
        before = ranges.get(spool_id, SpoolRange(0, 0, 0, 0))
        items = list(together)
        last = items[-1].record
        ranges[spool_id] = SpoolRange(
            last.generation, last.sequence, before.hits + len(items),
            before.events + sum(item.events for item in items))
    return ranges
