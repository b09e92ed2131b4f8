"""A tracking request becomes a hit in the spool and, once that is durable, an answer."""

from tracker.intake.accept import Intake
from tracker.intake.message import Accepted, Answer, Headers, Request

__all__ = ["Accepted", "Answer", "Headers", "Intake", "Request"]
