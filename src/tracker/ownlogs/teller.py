"""Tells the keeper what its process warns of, by a pipe, and never waits for anything."""

import logging
import os
import select
from typing import Final

from msgspec.structs import replace

from tracker.ownlogs.line import encode_line, line_of

WHOLE_BYTES: Final = select.PIPE_BUF
"""What the system writes in one piece, however many write to the pipe."""


class Teller(logging.Handler):
    """A handler of `logging` for records from `level` on.

    `pipe` is a descriptor that does not block. What it has no room for is lost and counted: the
    next line says how many.
    """

    def __init__(self, pipe: int, process: str, level: int) -> None:
        super().__init__(level)
        self._pipe = pipe
        self._process = process
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a record must never hurt who logs it, nor be logged about."""
        try:
            line = line_of(record, self._process, self._lost)
            data = encode_line(line)
            if len(data) >= WHOLE_BYTES:
                data = encode_line(replace(line, msg=line.msg[:100], about={}, at=[]))
            os.write(self._pipe, data + b"\n")
        except Exception:
            self._lost += 1
        else:
            self._lost = 0


def tell(pipe: int, process: str, level: int) -> Teller:
    """Tell from now on what this process warns of."""
    teller = Teller(pipe, process, level)
    logging.getLogger().addHandler(teller)
    return teller
