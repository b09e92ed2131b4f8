"""Facts of the machine."""

from pathlib import Path

import pytest

from bench.rig.machine import Work, facts, filesystem, sync_seconds

MOUNTS = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\n"


@pytest.mark.parametrize(("path", "kind"), [
    ("/srv/data", "ext4"), ("/tmp/x", "tmpfs"), ("/tmp/disk/data", "xfs"), ("/tmpfoo", "ext4")])
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert kind == filesystem(Path(path), MOUNTS)


def test_a_sync_takes_some_time(tmp_path: Path) -> None:
    p50, p99 = sync_seconds(tmp_path, syncs=5)

    assert 0 < p50 <= p99


def test_a_fixed_piece_of_work_takes_some_time() -> None:
    assert Work().seconds() > 0


def test_facts_name_the_versions_that_were_measured(tmp_path: Path) -> None:
    found = facts(tmp_path)

    assert {"cpu", "cores", "kernel", "filesystem", "python", "packages", "programs"} <= set(found)
