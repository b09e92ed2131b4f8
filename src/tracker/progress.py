"""A line on a terminal that says how far long work is; nothing where nobody looks."""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

AFTER_SECONDS: Final = 1.0  # short work needs no line
EVERY_SECONDS: Final = 0.3


class ProgressLine:
    """A context in which a thread draws what `tell` says, and that clears the line in the end.

    `tell` is given the seconds so far, gives the text, and is asked a few times a second.
    """

    def __init__(self, tell: Callable[[float], str], out: TextIO | None = None) -> None:
        self._tell = tell
        self._out = out or sys.stderr
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)
        self._lock = threading.Lock()
        self._drawn = False

    def __enter__(self) -> Self:
        if self._out.isatty():
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, for good; what follows may be written."""
        self._over.set()
        with self._lock:
            if self._drawn:
                self._out.write("\r\x1b[K")
                self._out.flush()
                self._drawn = False

    def _draw(self) -> None:
        began = time.monotonic()
        wait = AFTER_SECONDS
        while not self._over.wait(wait):
            wait = EVERY_SECONDS
            text = self._tell(time.monotonic() - began)
            with self._lock:
                if not self._over.is_set():
                    self._out.write(f"\r\x1b[K{text}")
                    self._out.flush()
                    self._drawn = True


def amount(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
