"""The list of laws in SQL: each list once, what is gone withdrawn."""

import json
from pathlib import Path

from harness.refining import refine, rows
from tracker.hit import Hit
from tracker.jurisdictions import Jurisdiction, built_in
from tracker.jurisdictions.rows import Published, following, hit_of, published, remember


def hit(before: Published, entries: list[Jurisdiction], identity: int = 1) -> Hit:
    now = following(before, entries)
    assert now is not None
    return hit_of(before, now, entries, 1_764_072_000 * 10**9, identity.to_bytes(16, "big"))


def eids(made: Hit) -> list[str]:
    return [event["eid"] for event in json.loads(made.body)]


def test_every_law_becomes_one_row() -> None:
    found = rows(refine(hit(Published(), built_in())))

    assert {"jurisdiction"} == {row["kind"] for row in found}
    laws = [law for row in found for law in json.loads(row["extra"])]
    assert [law.regulation for law in built_in()] == [law["regulation"] for law in laws]
    assert {"codes": built_in()[0].locs} == json.loads(laws[0]["locs"])
    assert "opt-in" == json.loads(laws[0]["rules"])["consent"]


def test_the_same_list_has_the_same_ids_whoever_gives_it() -> None:
    assert eids(hit(Published(), built_in())) == eids(hit(Published(), built_in(), identity=2))
    assert len(built_in()) == len(set(eids(hit(Published(), built_in()))))


def test_a_list_that_comes_back_after_another_has_new_ids(tmp_path: Path) -> None:
    first = following(Published(), built_in())
    assert first is not None
    other = following(first, built_in()[1:])
    assert other is not None

    again = hit(other, built_in())

    assert set(eids(hit(Published(), built_in()))).isdisjoint(eids(again))


def test_a_law_that_is_gone_is_withdrawn() -> None:
    before = following(Published(), built_in())
    assert before is not None

    last = json.loads(hit(before, built_in()[1:]).body)[-1]["law"]

    assert ("GDPR", {"withdrawn": True}, {}) == (last["regulation"], last["rules"], last["locs"])


def test_what_sql_has_is_not_given_again(tmp_path: Path) -> None:
    now = following(Published(), built_in())
    assert now is not None
    remember(tmp_path, now)

    assert following(published(tmp_path), built_in()) is None
    assert Published() == published(tmp_path / "none")
