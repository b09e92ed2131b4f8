"""Hits in, events out, column by column, through pure functions."""

from tracker.refine.refined import DeadLetter, Drop, Reason, Refined
from tracker.refine.refinery import Refinery

__all__ = ["DeadLetter", "Drop", "Reason", "Refined", "Refinery"]
