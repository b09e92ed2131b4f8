"""What a row is besides an event: its kind, and the rows that it makes in other tables."""

from collections.abc import Callable, Iterator

import msgspec
import pyarrow as pa

from tracker.hit import Route
from tracker.kinds import RowKind
from tracker.refine import servers, threads
from tracker.refine.agreements import agreements
from tracker.refine.arrays import repeated_text
from tracker.refine.decode import Values
from tracker.refine.frame import Frame
from tracker.refine.laws import laws
from tracker.refine.linkchanges import link_change
from tracker.refine.payments import LineItems
from tracker.settings import RefineSettings

_OF_ROUTE: dict[int, RowKind] = {
    Route.LTV: RowKind.PAYMENT, Route.AGREE: RowKind.AGREEMENT, Route.LAWS: RowKind.JURISDICTION,
    Route.LINK: RowKind.LINK, Route.LOG: RowKind.LOG, Route.COUNT: RowKind.COUNTER,
    Route.UPDATE: RowKind.UPDATE}
_TYPES: dict[RowKind, str] = {RowKind.PAYMENT: "payment"}
"""The `etyp` of events of a kind that bring none."""

_encoder = msgspec.json.Encoder()

Maker = Callable[[Frame, int], list[Values]]


def take(frame: Frame) -> None:
    """Take from message threads and logs what is the message itself."""
    threads.take(frame, _OF_ROUTE)
    servers.take(frame, [row for row, kind in _kinds(frame) if kind is RowKind.LOG])


def name(frame: Frame) -> None:
    """Give events of some kinds their `etyp`."""
    for row, kind in _kinds(frame):
        if kind in _TYPES:
            sent = frame.sent.setdefault("etyp", [None] * len(frame))
            sent[row] = sent[row] or _TYPES[kind]


class Kinds:
    """What the objects in `extra` are made by: of a row, when its columns are made."""

    def __init__(self, settings: RefineSettings) -> None:
        self._makers: dict[RowKind, Maker] = {
            RowKind.PAYMENT: LineItems(settings).make, RowKind.MESSAGE: threads.make,
            RowKind.AGREEMENT: agreements, RowKind.JURISDICTION: laws,
            RowKind.LINK: link_change, RowKind.LOG: servers.line,
            RowKind.COUNTER: servers.count, RowKind.UPDATE: servers.update}

    def sort(self, frame: Frame) -> None:
        """Set `kind` and `extra`."""
        kinds, extra = {}, {}
        for row, kind in _kinds(frame):
            kinds[row] = str(kind)
            extra[row] = _encoder.encode(self._makers[kind](frame, row)).decode()
        frame.columns["kind"] = _column(kinds, len(frame))
        frame.columns["extra"] = _column(extra, len(frame))


def _kinds(frame: Frame) -> Iterator[tuple[int, RowKind]]:
    """Each row that is no plain event."""
    if not frame.messages and not any(hit.route in _OF_ROUTE for hit in frame.hits):
        return
    for row, place in enumerate(frame.hit.tolist()):
        kind = _OF_ROUTE.get(frame.hits[place].route)
        if kind is not None:
            yield row, kind
        elif row in frame.messages:
            yield row, RowKind.MESSAGE


def _column(texts: dict[int, str], rows: int) -> pa.Array:
    if not texts:
        return repeated_text("", rows)
    return pa.array([texts.get(row, "") for row in range(rows)], pa.string())
