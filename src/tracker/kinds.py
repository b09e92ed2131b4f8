"""What a row of a batch is: an event, or something else that came the same way."""

from enum import StrEnum


class RowKind(StrEnum):
    """Stands in the batch file; names are on disk: never change one."""

    EVENT = ""
    PAYMENT = "payment"  # an event too; makes a row of `payments` per line item
    MESSAGE = "message"  # an event of a message thread; rows of `mthreads`, `mstore`, `mtriage`
    AGREEMENT = "agreement"  # what a visitor consents to
    JURISDICTION = "jurisdiction"  # a law, from the list of the tracker
    LOG = "log"  # a line that a service sent
    COUNTER = "counter"  # a service counts something
    UPDATE = "update"  # the last message of something
    LINK = "link"  # a short URL was made, changed or deleted


EVENT_KINDS = frozenset({RowKind.EVENT, RowKind.PAYMENT, RowKind.MESSAGE})
"""Kinds whose rows land in `events`."""
