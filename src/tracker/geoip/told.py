"""What the store process tells the workers of the places it keeps."""

from pathlib import Path

import msgspec

from tracker.durable import Files
from tracker.errors import TrackerError
from tracker.state import read_state

NAME = "state.json"


class Told(msgspec.Struct, frozen=True):
    """How the data of places stand; on disk, so that a start goes on with it.

    `file`         that is in use, beside this one; "" is none yet
    `key`          of what it was made of
    `version`      as manifests name it
    `attribution`  what the licence of the data asks to be shown
    `error`        why newer data, or any, are not in use
    `building`     newer data are being read
    """

    file: str = ""
    key: str = ""
    version: str = ""
    attribution: str = ""
    error: str | None = None
    building: bool = False


def read_told(directory: Path) -> Told:
    """What was told last; nothing where that is not to be read."""
    try:
        return read_state(Files(), directory / NAME, Told, "it is made anew")[0]
    except (OSError, TrackerError, UnicodeDecodeError):
        return Told()
