"""Files that are either wholly there after a crash or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from tracker.errors import TrackerError

T = TypeVar("T")

FILE_MODE = 0o600


def sync_directory(directory: Path) -> None:
    """Make names in `directory` durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write and sync a new file; its name is durable only after `sync_directory`.

    What stands at `path` goes first: a file whose sync failed once is not written again.
    """
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        write(file)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(path: Path, content: bytes) -> None:
    """Put `content` in place of what is at `path`, in one step that survives a crash."""
    new = path.with_name(path.name + ".new")
    write_durably(new, lambda file: file.write(content))
    new.replace(path)
    sync_directory(path.parent)


def read_json(path: Path, kind: type[T], mend: str) -> T:
    """What is in a file of ours; raises `TrackerError`, with what to do, when it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise TrackerError(f"{path} is damaged ({error}): {mend}") from None
