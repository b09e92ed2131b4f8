"""Who else is measured: what each promises, and what those do that are here."""

import os
import sys
from pathlib import Path

import pytest

from bench.measures.rivals import rivals
from bench.peers import programs, table
from bench.peers.base import Peer, Running
from bench.peers.files import WAYS, Disk, lines_of
from bench.peers.programs import PROGRAMS, NotInstalled, find, version
from bench.rig.bench import Bench, Plan
from bench.rig.report import Entry, block, rivals_table, verdict
from bench.rig.scenario import Scenario

PEERS = (*table.DURABLE, *table.LOOSE, *table.COLLECTORS, *table.LOGS, *table.DISK)


def test_each_peer_has_a_name_of_its_own_and_says_what_it_promises() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert all(peer.promise for peer in PEERS)
    assert all(peer.program in PROGRAMS for peer in PEERS if peer.program)


def test_those_called_durable_are_and_the_others_are_not() -> None:
    assert all(peer.durable for peer in (*table.DURABLE, *table.DISK))
    assert not any(peer.durable for peer in (*table.LOOSE, *table.COLLECTORS, *table.LOGS))


def test_a_program_that_is_missing_is_named_with_what_brings_it(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROGRAMS, "absent", programs.Program("absent", ("-v",)))

    with pytest.raises(NotInstalled, match="absent is not installed; `make bench-setup`"):
        find("absent")
    assert "missing" == version("absent")


def test_the_version_is_what_stands_in_all_that_a_program_says(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "said"
    program.write_text(f"#!{sys.executable}\nprint('said daemon v8.23.0 (aka 2023.02) with:')\n")
    program.chmod(0o700)
    monkeypatch.setattr(programs, "UNPACKED", tmp_path)
    monkeypatch.setitem(PROGRAMS, "said", programs.Program("said", (), "said"))

    assert "8.23.0" == version("said")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("group", [1, 8])
def test_what_a_limit_of_the_disk_counts_is_on_disk(way: str, group: int, tmp_path: Path) -> None:
    (tmp_path / "body").write_text("{}")
    limit = Disk(way, group, tmp_path, min(os.sched_getaffinity(0)))
    counted = [limit.drive(0.05, ()).requests for _ in range(2)]

    assert [0, 0] == [count % group for count in counted]
    assert 0 < sum(counted) == limit.kept()


def test_lines_are_counted_whatever_their_length(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text(f"{'x' * (1 << 20)}\nshort\nunfinished")

    assert 2 == lines_of(path)


def nobody(bench: Bench, folder: Path) -> Running:
    raise NotInstalled("nobody is not installed; `make bench-setup` brings it")


def test_a_peer_that_is_not_installed_is_left_out_and_named(tmp_path: Path) -> None:
    bench = Bench(Plan.for_smoke(), tmp_path)
    scenario = Scenario("beside", "Beside nobody.", rivals, goal=2, peers=(
        Peer("Nobody", "nothing", False, "", nobody),))
    found = Entry(scenario, rivals(bench, scenario), None, 0.0001, 0.0002)
    bench.close()

    assert "not measured" == verdict(found)
    assert "Nobody: left out: nobody is not installed" in block(found)
    assert not found.failed
    assert [] == rivals_table([found])
