"""The few file operations that durability rests on, in one place, so that tests can break them."""

import contextlib
import os
from pathlib import Path

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


class Files:
    """The operating system's file operations; each raises `OSError` as the system does.

    Whoever writes what must survive takes one of these as an argument. Tests hand in others that
    fail at a chosen call, write less than asked, or forget what was not synced.
    """

    def open(self, path: Path, flags: int) -> int:
        """Open a file, made for the owner alone when `flags` say to make it."""
        return os.open(path, flags, FILE_MODE)

    def close(self, descriptor: int) -> None:
        """Close a file; says nothing about what is on disk."""
        os.close(descriptor)

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        """Write at `offset`; may write less than all, and says how much."""
        return os.pwrite(descriptor, data, offset)

    def allocate(self, descriptor: int, size: int) -> None:
        """Take disk blocks for the first `size` bytes, so that they cannot be missing later."""
        os.posix_fallocate(descriptor, 0, size)

    def fsync(self, descriptor: int) -> None:
        """Return when content and metadata of the file are on disk."""
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its name, replacing what had it; durable after `sync_directory`."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Take a file's name away; durable after `sync_directory`."""
        path.unlink()

    def make_directory(self, path: Path) -> None:
        """Make one directory, for the owner alone; durable after `sync_directory` of its parent."""
        path.mkdir(mode=DIRECTORY_MODE)

    def sync_directory(self, path: Path) -> None:
        """Return when the names in the directory are on disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(files: Files, descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of `data` at `offset`, going on where the system wrote only a part.

    An error is not tried again: with O_DSYNC it may be that of a sync, which must not be.
    """
    rest = memoryview(data)
    while rest:
        written = files.pwrite(descriptor, rest, offset)
        if written <= 0:
            raise OSError(f"wrote {written} of {len(rest)} bytes at {offset}")
        rest = rest[written:]
        offset += written


def write_file(files: Files, path: Path, *parts: bytes | memoryview) -> None:
    """Make `path` hold exactly `parts`, durably: afterwards it is there whole, or as it was before.

    The bytes go to `<name>.new` beside it first; one writer per path at a time.
    """
    draft = path.with_name(path.name + ".new")
    descriptor = files.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        try:
            offset = 0
            for part in parts:
                write_whole(files, descriptor, part, offset)
                offset += len(part)
            files.fsync(descriptor)
        finally:
            files.close(descriptor)
        files.rename(draft, path)
    except OSError:
        with contextlib.suppress(OSError):  # a full disk is fuller with half a draft on it
            files.unlink(draft)
        raise
    files.sync_directory(path.parent)


def remove(files: Files, path: Path) -> None:
    """Take a file's name away, if it is there; durable after `sync_directory`."""
    with contextlib.suppress(FileNotFoundError):
        files.unlink(path)


def make_directory(files: Files, path: Path) -> None:
    """Make a directory, if it is not there, and what is missing above it; all names durable.

    One that is there is synced too: who made it may have been killed before that.
    """
    if path.is_dir():
        with contextlib.suppress(PermissionError):  # what may not be read was not made by us
            files.sync_directory(path.parent)
        return
    make_directory(files, path.parent)
    with contextlib.suppress(FileExistsError):
        files.make_directory(path)
    files.sync_directory(path.parent)


def usage(directory: Path) -> int:
    """Bytes that the files below `directory` take on disk; what vanishes meanwhile counts not."""
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(parent, name).stat().st_blocks * 512
    return total
