"""The list of laws, and files that change it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tracker.errors import TrackerError
from tracker.jurisdictions import MOST_BYTES, answer, built_in, with_file

EU = set(re.findall("..", "ATBEBGHRCYCZDKEEFIFRDEGRHUIEITLVLTLUMTNLPLPTROSKSIESSE"))
STATES = set(re.findall("..", "CAVACOCTUTTXORMTFLDEIANENHNJTNMNMDINKYRI"))
ENTRY: dict[str, Any] = {
    "regulation": "House", "compliance": "cookies", "name": "Rules", "since": "2026",
    "locs": ["AT"], "consent": "notice", "source": "§ 1", "known": "2026-11-28"}


def places(regulation: str) -> set[str]:
    return {place for law in built_in() if law.regulation == regulation for place in law.locs}


def test_the_list_has_the_states_that_the_laws_are_of() -> None:
    assert EU | {"IS", "LI", "NO"} == places("GDPR")
    assert EU == places("ePrivacy")
    assert {f"US-{state}" for state in STATES} == {
        place for law in built_in() for place in law.locs if place.startswith("US-")}
    assert {"GB"} == places("UK GDPR")


def test_every_law_has_a_source_and_a_name_of_its_own() -> None:
    laws = built_in()

    assert len(laws) == len({law.key for law in laws})
    assert [] == [law.name for law in laws if not law.source]


def test_the_answer_has_every_law() -> None:
    assert [law.name for law in built_in()] == [law["name"] for law in answer(built_in())]


@pytest.mark.parametrize(("content", "words"), [
    ("{", "Input data was truncated"),
    ('{"jurisdictions": [{}]}', "missing required field `regulation` - at `$.jurisdictions[0]`"),
    ({**ENTRY, "locs": ["at"]}, "at `$.jurisdictions[0].locs[0]`"),
    ({**ENTRY, "locs": []}, "at `$.jurisdictions[0].locs`"),
    ({**ENTRY, "since": "2026-13-01"}, "at `$.jurisdictions[0].since`"),
    ({**ENTRY, "consent": "maybe"}, "at `$.jurisdictions[0].consent`"),
    ({**ENTRY, "regulation": ""}, "at `$.jurisdictions[0].regulation`"),
    ({**ENTRY, "more": 1}, "unknown field `more`"),
    (json.dumps({"jurisdictions": [ENTRY, ENTRY]}), "House / cookies stands in it twice"),
    (" " * (MOST_BYTES + 1), f"has more than {MOST_BYTES} bytes"),
])
def test_a_file_that_is_wrong_is_refused_with_the_place(
    tmp_path: Path, content: str | dict[str, Any], words: str,
) -> None:
    path = tmp_path / "laws.json"
    path.write_text(content if isinstance(content, str)
                    else json.dumps({"jurisdictions": [content]}))

    with pytest.raises(TrackerError) as caught:
        with_file(path)

    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff", b"[" * 10_000, b'{"about":"\xff"}'])
def test_bytes_that_are_no_json_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "laws.json").write_bytes(data)

    with pytest.raises(TrackerError):
        with_file(tmp_path / "laws.json")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrackerError, match="cannot be read: No such file"):
        with_file(tmp_path / "none")
