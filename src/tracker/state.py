"""Small JSON files that say how far something has come."""

from pathlib import Path
from typing import TypeVar

import msgspec

from tracker.durable import Files, write_file
from tracker.errors import TrackerError

T = TypeVar("T")


def write_state(files: Files, path: Path, value: object) -> None:
    """Put `value` in place of what is at `path`, in one step that survives a crash."""
    write_file(files, path, msgspec.json.encode(value))


def read_state(path: Path, kind: type[T], mend: str) -> T:
    """What `write_state` wrote; raises `TrackerError`, with what to do, when it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise TrackerError(f"{path} is damaged ({error}): {mend}") from None
