"""All that was sent for one event, whatever column took it."""

from tracker.refine.decode import Values
from tracker.refine.frame import Frame


def said(frame: Frame, row: int) -> Values:
    """The values of a row under names in lower case."""
    known = {name: sent[row] for name, sent in frame.sent.items() if sent[row] is not None}
    return lower(frame.events[row]) | known


def lower(values: Values) -> Values:
    """The same under names in lower case."""
    return {key.lower(): value for key, value in values.items()}
