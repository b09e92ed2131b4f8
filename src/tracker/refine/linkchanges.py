"""Changes of short URLs, as the registry tells them: rows of `redirects` and `redirect_history`."""

from tracker.refine.decode import Values
from tracker.refine.frame import Frame
from tracker.refine.moments import read_moment

_SAID = ("key", "urlfrom", "hostfrom", "slugfrom", "urlto", "hostto", "pathto", "searchto",
         "updater")


def link_change(frame: Frame, row: int) -> list[Values]:
    """The link as it is since; once it is deleted it leads nowhere."""
    said = frame.events[row].get("change")
    if not isinstance(said, dict):  # written by a version to come
        return []
    change = {name: said.get(name, "") for name in _SAID}
    if said.get("deleted"):
        change |= dict.fromkeys(("urlto", "hostto", "pathto", "searchto"), "")
    return [{**change, "updated_at": read_moment(said.get("updated_at")),
             "created_at": read_moment(said.get("created_at"))}]
