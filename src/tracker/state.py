"""Small JSON files that say how far something has come, each with a checksum and a copy in it.

`{…,"crc":"<CRC-32 of what stands before it>","copy":{…,"crc":"…"}}`: one object, which versions
that know no checksum read too. Files that such versions wrote have none.
"""

import logging
import re
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from tracker.durable import Files, write_file
from tracker.errors import TrackerError

T = TypeVar("T")

_COPY = b',"copy":'
_CRC = b',"crc":"'
_CHECKED = re.compile(rb'(\{.*?),"crc":"([0-9a-f]{8})"', re.DOTALL)

_log = logging.getLogger(__name__)


def write_state(files: Files, path: Path, value: object) -> None:
    """Put `value` in place of what is at `path`, in one step that survives a crash."""
    write_file(files, path, _encoded(msgspec.json.encode(value)[:-1]))


def read_state(files: Files, path: Path, kind: type[T], mend: str) -> tuple[T, bool]:
    """What `write_state` wrote, and whether it was whole; else it is made whole from its copy.

    Raises `TrackerError`, with what to do, when both are damaged.
    """
    content = path.read_bytes()
    opened = _intact(content)
    try:
        if opened is None:
            if _COPY in content or _CRC in content:
                raise msgspec.DecodeError("neither it nor its copy fits its checksum")
            return msgspec.json.decode(content, type=kind), True
        value = msgspec.json.decode(opened + b"}", type=kind)
    except msgspec.MsgspecError as error:
        raise TrackerError(f"{path} is damaged ({error}): {mend}") from None
    whole = content == _encoded(opened)
    if not whole:
        _log.error("%s was damaged on disk, its copy is whole: written anew", path)
        write_file(files, path, _encoded(opened))
    return value, whole


def _encoded(opened: bytes) -> bytes:
    """The file of a JSON object, given without its last brace."""
    checked = opened + b',"crc":"%08x"' % zlib.crc32(opened)
    return checked + _COPY + checked + b"}}"


def _intact(content: bytes) -> bytes | None:
    """The object or its copy, whichever is as it was written; None where neither is known to be."""
    for part in (content, content.partition(_COPY)[2]):
        found = _CHECKED.match(part)
        if found and zlib.crc32(found[1]) == int(found[2], 16):
            return found[1]
    return None
