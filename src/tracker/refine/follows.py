"""Clicks on short URLs: where they happened, and where the visitor came from."""

from tracker.hit import Route
from tracker.refine.frame import Frame


def follow(frame: Frame) -> None:
    """Set `url` to the short URL, and `last` to the page that led to it, else to its path.

    What the link says of itself is the event already; a client's query may say neither of both.
    """
    places = {place for place, hit in enumerate(frame.hits) if hit.route == Route.SHORT}
    if not places:
        return
    for row, (place, code) in enumerate(zip(frame.hit.tolist(), frame.head.tolist(), strict=True)):
        if place in places:
            head = frame.heads[code]
            line = frame.hits[place].head.partition(b"\r\n")[0]
            target = line.decode("utf-8", "replace").partition(" ")[2].rpartition(" ")[0]
            path = target.partition("#")[0].partition("?")[0]
            frame.events[row] |= {"url": f"http://{head.host}{path}", "last": head.referrer or path}
