"""Who this sequencer is: made once with the directory of its batches, and gone with it.

Numbers of batches begin anew only together with another name, so that no store ever takes a new
batch for one it has.
"""

import secrets
from pathlib import Path

import msgspec

from tracker.durable import Files, make_directory
from tracker.state import read_state, write_state


class Identity(msgspec.Struct, frozen=True):
    """`sequencer` names all batches sealed here; `gate_keys` are the secret of the eid gate."""

    sequencer: str
    gate_keys: tuple[int, int]


def identity(directory: Path, files: Files | None = None) -> Identity:
    """Read the identity in `directory`, or make one."""
    path = directory / "sequencer.json"
    files = files or Files()
    if path.exists():
        return read_state(files, path, Identity, "restore it from a backup; without it, stores take"
                          " repeats for new")[0]
    made = Identity(secrets.token_hex(8), (secrets.randbits(64), secrets.randbits(64)))
    make_directory(files, directory)
    write_state(files, path, made)
    return made
