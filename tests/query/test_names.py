"""Every name of the engine that a reader could use has been looked at.

`names.txt` holds those of the pinned engine. A name that it lacks is new: look what it does, refuse
it in `tracker/query/fence.py` (or leave it out of the settings in `protocol.py`) if it reaches
files, networks, the process or other users, and add it to the list.
"""

from pathlib import Path

import pytest

from tracker.query.engine import Readable
from tracker.query.protocol import is_allowed

NAMES = Path(__file__).with_name("names.txt")

KINDS = {
    "functions": "SELECT name FROM system.functions",
    "table functions": "SELECT name FROM system.table_functions",
    "tables": "SELECT name FROM system.tables WHERE database = 'system'",
    "databases": "SELECT lower(name) FROM system.databases WHERE engine != 'Atomic'",
    "formats": "SELECT name FROM system.formats WHERE is_output",
    "settings": "SELECT name FROM system.settings",
}


def judged() -> dict[str, set[str]]:
    """The names of each kind; a line that begins with a space goes on with the kind before."""
    found: dict[str, set[str]] = {}
    kind = ""
    for line in NAMES.read_text().splitlines():
        if not line.startswith(" "):
            kind = line.removesuffix(":")
        else:
            found.setdefault(kind, set()).update(line.split())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_of_the_engine_is_judged(tables: Readable, kind: str) -> None:
    session = tables.reader("readonly=1")
    names = set((session.query(KINDS[kind], "TSVRaw").bytes() or b"").decode().split())
    session.close()
    if kind == "settings":  # all others are left out
        names = {name for name in names if is_allowed(name, "1")}

    assert set() == names - judged()[kind], __doc__
