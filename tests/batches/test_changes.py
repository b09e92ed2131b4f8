"""Changes of short URLs reach a spool whole and once, whatever happens on the way."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.refining import refine
from harness.registry import Registry
from tracker.batches.changes import Changes, hit_of
from tracker.hit import Hit, decode_hit
from tracker.registry.calls import DropLink
from tracker.registry.outbox import Outbox
from tracker.settings import RefineSettings, SpoolSettings
from tracker.spool.reader import SpoolReader


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path)
    yield made
    made.close()


def carrier(registry: Registry) -> Changes:
    return Changes(registry.places.registry, registry.places.data / "spool", SpoolSettings())


def hits(registry: Registry) -> list[Hit]:
    reader = SpoolReader(registry.places.data / "spool" / "registry")
    found = []
    while records := reader.read(1000, 64 << 20):
        found += [decode_hit(record.data) for record in records]
    return found


def eids(registry: Registry) -> list[bytes]:
    return [change.eid for change in Outbox(registry.places.registry).read(100)]


def test_changes_leave_the_outbox_when_the_spool_has_them(registry: Registry) -> None:
    changes = carrier(registry)
    assert 0 == changes.carry()
    registry.put("https://go.example/a")
    registry.put("https://go.example/b")
    expected = eids(registry)

    assert [2, 0] == [changes.carry(), changes.carry()]
    assert expected == [hit.id for hit in hits(registry)]
    assert [] == eids(registry)
    registry.ask(DropLink(registry.who, "https://go.example/a"))
    assert 1 == carrier(registry).carry()
    assert 3 == len(hits(registry))


def test_a_change_that_goes_out_twice_is_the_same(registry: Registry,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    registry.put("https://go.example/a")
    changes = carrier(registry)

    def killed(_: int) -> None:
        raise sqlite3.OperationalError("killed")

    monkeypatch.setattr(changes._outbox, "forget", killed)
    with pytest.raises(sqlite3.OperationalError):
        changes.carry()
    assert 1 == carrier(registry).carry()

    one, other = hits(registry)
    assert one == other
    refined = refine(one, other)
    assert [True, True] == refined.given.tolist()
    assert 1 == len(set(refined.eids.tolist()))
    assert 1 == len(set(refined.body_hash.tolist()))


def test_without_a_registry_nothing_is_carried(tmp_path: Path) -> None:
    assert 0 == Changes(tmp_path / "registry.db", tmp_path / "spool", SpoolSettings()).carry()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("settings", [
    RefineSettings(), RefineSettings(lowercase_values=True),
    RefineSettings(account_hash_mixer="mixer"),
])
def test_a_change_is_a_row_with_all_it_says(registry: Registry, settings: RefineSettings) -> None:
    registry.put("https://Go.example/Größe", "https://d.example/X?a=B", oid="o-1", org="org")
    (change,) = Outbox(registry.places.registry).read(1)
    table = refine(hit_of(change), settings=settings).table

    (row,) = table.to_pylist()
    assert ("link", "o-1", "org", "go.example") == (row["kind"], row["oid"], row["org"],
                                                    row["host"])
    assert [{"key": "go.example/Gr%C3%B6%C3%9Fe", "urlfrom": "https://go.example/Gr%C3%B6%C3%9Fe",
             "hostfrom": "go.example", "slugfrom": "/Gr%C3%B6%C3%9Fe",
             "urlto": "https://d.example/X?a=B", "hostto": "d.example", "pathto": "/X",
             "searchto": "?a=B", "updater": "anna", "updated_at": "2026-11-18 11:06:40.000",
             "created_at": "2026-11-18 11:06:40.000"}] == json.loads(row["extra"])


def test_a_deleted_link_leads_nowhere(registry: Registry) -> None:
    registry.put("https://go.example/a", "https://d.example/x?y=z")
    registry.ask(DropLink(registry.who, "https://go.example/a"))
    (_, change) = Outbox(registry.places.registry).read(2)

    (row,) = refine(hit_of(change)).table.to_pylist()
    (said,) = json.loads(row["extra"])
    assert ("go.example/a", "", "", "", "") == (said["key"], said["urlto"], said["hostto"],
                                                said["pathto"], said["searchto"])
