"""Where the files of a spool stand: its lock, its id, its segments, what was damaged."""

import re
from pathlib import Path

from tracker.durable import Files, write_file
from tracker.errors import SpoolCorrupt
from tracker.spool.segment import FIRST_GROUP, SPOOL_ID_BYTES, SegmentHeader, decode_header

LOCK_NAME = "lock"
ID_NAME = "id"
DAMAGED_NAME = "damaged"
_SEGMENT = re.compile(r"(\d{16})\.segment")
_ID = re.compile(r"[0-9a-f]{32}")


def segment_path(directory: Path, generation: int) -> Path:
    """The segment of one generation; names sort by it."""
    return directory / f"{generation:016d}.segment"


def generations(directory: Path) -> list[int]:
    """The generations whose segments exist, ascending."""
    found = (_SEGMENT.fullmatch(path.name) for path in directory.iterdir())
    return sorted(int(match[1]) for match in found if match)


def read_header(path: Path) -> SegmentHeader | None:
    """The header of a segment; None while it is made ready. Raises `SpoolCorrupt`."""
    with path.open("rb") as file:
        return decode_header(file.read(FIRST_GROUP))


def read_id(directory: Path) -> str | None:
    """The spool's id: from a segment, whose header has a checksum, else from its file."""
    for generation in generations(directory) if directory.is_dir() else ():
        try:
            header = read_header(segment_path(directory, generation))
        except (SpoolCorrupt, FileNotFoundError):
            continue
        if header is not None:
            return header.spool.hex()
    try:
        text = (directory / ID_NAME).read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    return text if _ID.fullmatch(text) else None


def keep_id(directory: Path, files: Files, new: bytes) -> str:
    """The spool's id; `new`, written durably, when it has none."""
    assert len(new) == SPOOL_ID_BYTES
    known = read_id(directory)
    text = known or new.hex()
    path = directory / ID_NAME
    if known is None or not path.exists() or path.read_bytes() != text.encode():
        write_file(files, path, text.encode())
    return text
