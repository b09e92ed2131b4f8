"""The list of laws, as rows of `jurisdictions`."""

import msgspec

from tracker.refine.decode import Values
from tracker.refine.frame import Frame
from tracker.refine.moments import moment_text

_encoder = msgspec.json.Encoder()


def laws(frame: Frame, row: int) -> list[Values]:
    """The one entry that the tracker has put into the event."""
    law = frame.events[row].get("law")
    if not isinstance(law, dict):
        return []
    return [{**law, "rules": _encoder.encode(law.get("rules") or {}).decode(),
             "locs": _encoder.encode(law.get("locs") or {}).decode(),
             "updated_at": moment_text(frame.columns["received_at"][row].as_py())}]
