"""What the line items of payments come to: a small body must not become gigabytes of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tracker.hit import Shape

MOST_OBJECTS: Final = 10_000
"""Objects within the payments of one request, whether they are line items or not: of a name that
is there twice, in other capitals, it does not matter which one is taken."""

MOST_REPEATED: Final = 4 << 20
"""Bytes that the line items of one request take over from their events and the head."""

ROW_BYTES: Final = 3_000
"""About what an empty line item costs on its way into the stores."""

_COPIES: Final = 3  # of what is repeated: an order's id is in the item's own too

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Items:
    """How many line items there may be, and how many bytes all of them repeat."""

    count: int
    repeated: int

    @property
    def bytes(self) -> int:
        """About what they come to as rows."""
        return self.count * ROW_BYTES + self.repeated * _COPIES


def items_of(body: bytes, shape: int, head_bytes: int) -> Items:
    """The line items of a body that holds events; at least as many as there are.

    One in an event repeats nothing.
    """
    count = repeated = 0
    if body.count(b"{") > 2:
        for text in _events(body, shape):
            within = text.count(b"{") - 1
            if within > 1:
                count += within
                repeated += within * (head_bytes + _own(text))
    return Items(count, repeated)


def _events(body: bytes, shape: int) -> Sequence[bytes]:
    if shape == Shape.ARRAY:
        try:
            return [bytes(raw) for raw in _split(body)]
        except (msgspec.DecodeError, RecursionError):
            return [body]
    return body.splitlines() if shape == Shape.NDJSON else [body]


def _own(text: bytes) -> int:
    """The bytes of an event without its line items."""
    try:
        values = _values(text)
    except (msgspec.DecodeError, RecursionError):  # an element that was refused, or a form
        return len(text)
    return sum(len(name) + len(bytes(value)) for name, value in values.items()
               if name.lower() != "payments")
