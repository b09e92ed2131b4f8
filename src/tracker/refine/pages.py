"""The pages of an event: where it happened, and where the visitor came from."""

from tracker.refine.arrays import each_distinct, texts
from tracker.refine.columns import text_cells
from tracker.refine.frame import Frame
from tracker.refine.urls import Urls
from tracker.settings import RefineSettings


class Pages:
    """Sets `url` and `last`."""

    def __init__(self, settings: RefineSettings) -> None:
        self._urls = Urls(settings)

    def clean(self, frame: Frame) -> None:
        """Cut both as `Urls` does, once per distinct address."""
        for name in ("url", "last"):
            sent = frame.sent.get(name)
            if sent is not None:
                frame.columns[name] = each_distinct(
                    texts(text_cells(frame, name, sent)), self._urls.clean)
