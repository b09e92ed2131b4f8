"""The pages of an event: where it happened, and where the visitor came from."""

from tracker.refine.arrays import texts
from tracker.refine.columns import text_cells
from tracker.refine.frame import Frame
from tracker.refine.urls import Urls
from tracker.settings import RefineSettings


class Pages:
    """Sets `url` and `last`."""

    def __init__(self, settings: RefineSettings) -> None:
        self._urls = Urls(settings)

    def clean(self, frame: Frame) -> None:
        """Cut both as `Urls` does; its memory makes that once per distinct address."""
        clean = self._urls.clean
        for name in ("url", "last"):
            sent = frame.sent.get(name)
            if sent is not None:
                frame.columns[name] = texts([
                    None if cell is None else clean(cell)
                    for cell in text_cells(frame, name, sent)
                ])
