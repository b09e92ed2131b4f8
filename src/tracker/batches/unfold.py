"""Records of the spool as the hits that they are; lines of logs each once, whatever comes again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tracker.batches.pending import Taken
from tracker.hit import Hit, Shape, encode_hit
from tracker.imported import decode_lines, hits_of


@dataclass(slots=True)
class Unfolded:
    """The hits of some records, in order, and what else was in them.

    `places`    hit -> place of its record
    `unread`    places of records that are no hit, or lines that cannot be read
    `repeated`  lines that were settled before
    `gaps`      lines that do not follow those settled: others before them were lost on their way
    `imports`   file -> how many of its lines are settled now, for the files that lines came of
    """

    taken: Sequence[Taken]
    hits: list[Hit] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    repeated: int = 0
    gaps: int = 0
    imports: dict[str, int] = field(default_factory=dict)

    def record(self, hit: int) -> bytes:
        """A record that holds this hit alone."""
        found = self.hits[hit]
        return encode_hit(found) if found.imported else self.taken[self.places[hit]].record.data


def unfold(taken: Sequence[Taken], settled: Mapping[str, int]) -> Unfolded:
    """Take records apart; `settled` says of each file how many of its lines are sealed."""
    unfolded = Unfolded(taken)
    for place, item in enumerate(taken):
        if item.hit is None:
            unfolded.unread.append(place)
        elif item.hit.shape == Shape.LINES:
            _add_lines(unfolded, place, item.hit, settled)
        else:
            unfolded.hits.append(item.hit)
            unfolded.places.append(place)
    return unfolded


def _add_lines(unfolded: Unfolded, place: int, hit: Hit, settled: Mapping[str, int]) -> None:
    """Lines count once, in their order: a record is passed over whose predecessor never came.

    The file can be imported again, and then they come behind those that are missing.
    """
    try:
        lines = decode_lines(hit.body)
    except msgspec.DecodeError:
        unfolded.unread.append(place)
        return
    before = unfolded.imports.get(lines.file, settled.get(lines.file, 0))
    if lines.after > before:
        unfolded.gaps += hit.events
        return
    new = list(hits_of(lines, before))
    unfolded.hits += new
    unfolded.places += [place] * len(new)
    unfolded.repeated += hit.events - len(new)
    unfolded.imports[lines.file] = max(before, lines.through)
