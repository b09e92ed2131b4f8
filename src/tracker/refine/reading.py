"""Hits taken apart into events: one dict of values each, and a dead letter for what is none."""

from collections.abc import Sequence

import msgspec
import numpy as np

from tracker.hit import Hit, Route, Shape
from tracker.refine.decode import BROKEN, Values, decode_object
from tracker.refine.frame import Frame
from tracker.refine.head import Heads, read_line
from tracker.refine.pairs import read_pairs
from tracker.refine.refined import DeadLetter, Reason
from tracker.settings import RefineSettings

_NONE, _OBJECT, _ARRAY, _NDJSON, _FORM, _ = map(int, Shape)
_NAMED_PATHS = frozenset({Route.PUB, Route.SHORT, Route.AGREE, Route.LAWS})

_decode = msgspec.json.Decoder(Values).decode
_decode_all = msgspec.json.Decoder(list[Values]).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Reader:
    """Reads hits; what repeats within one call (heads, request lines) is read once."""

    def __init__(self, settings: RefineSettings) -> None:
        self._ignore = settings.ignore_query_key

    def read(self, hits: Sequence[Hit]) -> tuple[Frame, list[Values]]:
        """The frame of all events, and for each hit the values of its request line."""
        bodies = _Bodies()
        pairs: dict[bytes, Values] = {}
        named: dict[bytes, Values] = {}
        heads = Heads()
        head: list[int] = []
        targets: list[Values] = []
        for place, hit in enumerate(hits):
            line, _, fields = hit.head.partition(b"\r\n")
            head.append(heads.code(fields))
            lines = named if hit.route in _NAMED_PATHS else pairs
            values = lines.get(line)
            if values is None:
                values = lines[line] = read_line(line, self._ignore, tuples=lines is pairs)
            targets.append(values)
            bodies.add(place, hit)
        owner = np.array(bodies.hits, np.int32)
        frame = Frame(
            hits=hits, events=bodies.events, hit=owner,
            index=np.array(bodies.indexes, np.int32),
            heads=heads.fields, head=np.array(head, np.int32)[owner], dead=bodies.dead,
        )
        return frame, targets


class _Bodies:
    """Events as they are found in bodies, in order, with the hit and index of each."""

    def __init__(self) -> None:
        self.events: list[Values] = []
        self.hits: list[int] = []
        self.indexes: list[int] = []
        self.dead: list[DeadLetter] = []

    def add(self, place: int, hit: Hit) -> None:
        shape = hit.shape
        if shape == _OBJECT:
            try:
                event = _decode(hit.body)
            except BROKEN:
                self._add_object(place, 0, hit.body)
            else:
                self.events.append(event)
                self.hits.append(place)
                self.indexes.append(0)
        elif shape == _NONE:
            self._add(place, 0, {})
        elif shape == _ARRAY:
            self._add_array(place, hit)
        elif shape == _NDJSON:
            self._add_each(place, hit, [line for line in hit.body.splitlines() if line.strip()])
        elif shape == _FORM:
            self._add(place, 0, dict(read_pairs(hit.body.decode("utf-8", "replace"))))
        else:
            self._bury(place, hit, Reason.UNKNOWN_SHAPE)

    def _add(self, place: int, index: int, event: Values) -> None:
        self.events.append(event)
        self.hits.append(place)
        self.indexes.append(index)

    def _add_object(self, place: int, index: int, raw: bytes) -> None:
        try:
            event = _decode(raw)
        except BROKEN:
            try:
                event = decode_object(raw)
            except msgspec.ValidationError:
                self.dead.append(DeadLetter(place, index, Reason.NOT_AN_OBJECT, raw))
                return
            except BROKEN:
                self.dead.append(DeadLetter(place, index, Reason.NOT_JSON, raw))
                return
        self._add(place, index, event)

    def _add_array(self, place: int, hit: Hit) -> None:
        """All at once where every element is an object; else one by one."""
        if not hit.refused:
            try:
                events = _decode_all(hit.body)
            except BROKEN:
                pass
            else:
                if len(events) == hit.events:
                    self.events += events
                    self.hits += [place] * len(events)
                    self.indexes += range(len(events))
                    return
        try:
            parts = [bytes(raw) for raw in _split(hit.body)]
        except BROKEN:
            self._bury(place, hit, Reason.NOT_JSON)
            return
        self._add_each(place, hit, parts)

    def _add_each(self, place: int, hit: Hit, parts: Sequence[bytes]) -> None:
        refused = frozenset(hit.refused)
        for index, raw in enumerate(parts):
            if index not in refused:
                self._add_object(place, index, raw)
        for index in range(len(parts), hit.events + len(refused)):
            if index not in refused:
                self.dead.append(DeadLetter(place, index, Reason.MISSING, b""))

    def _bury(self, place: int, hit: Hit, reason: Reason) -> None:
        """One letter for each event of a hit that cannot be read; the first has the bytes."""
        refused = frozenset(hit.refused)
        accepted = (n for n in range(hit.events + len(refused)) if n not in refused)
        for count, index in enumerate(accepted):
            self.dead.append(DeadLetter(place, index, reason, b"" if count else hit.body))
