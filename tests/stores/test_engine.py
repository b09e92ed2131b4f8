"""The embedded engine takes its settings from the tracker alone, wherever it is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.process import running

_OPEN = """
import os
from pathlib import Path
from tracker.stores.engine import Engine
engine = Engine(Path("db").absolute(), memory_bytes=1_000_000_000)
session = engine.session()
print(session.query("SELECT value, timezone() FROM system.server_settings"
                    " WHERE name = 'max_server_memory_usage'", "TSV").bytes().decode(), flush=True)
assert Path.cwd() == Path("db").absolute().parent
os._exit(0)
"""

HOSTILE = """<clickhouse>
<logger><level>trace</level><log>{0}/a.log</log><errorlog>{0}/b.log</errorlog></logger>
<path>{0}/path/</path><tmp_path>{0}/tmp/</tmp_path><timezone>Asia/Tokyo</timezone>{1}
</clickhouse>"""
LITTLE = "<max_server_memory_usage>1000</max_server_memory_usage>"


@pytest.mark.parametrize("config", ["<broken", "", HOSTILE, HOSTILE.replace("{1}", LITTLE)])
def test_a_config_of_clickhouse_where_the_tracker_is_started_says_nothing(
        tmp_path: Path, config: str) -> None:
    (tmp_path / "config.xml").write_text(config.replace("{0}", str(tmp_path)).replace("{1}", ""))
    done = subprocess.run([sys.executable, "-c", _OPEN], cwd=tmp_path, capture_output=True,
                          text=True, timeout=60, check=False)

    assert 0 == done.returncode, done.stderr
    memory, zone = done.stdout.split()
    assert ("1000000000", True) == (memory, zone != "Asia/Tokyo")
    assert {"config.xml", "db"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.server
def test_a_tracker_starts_beside_a_broken_config_of_clickhouse(tmp_path: Path) -> None:
    (tmp_path / "config.xml").write_text("<broken")
    with running(tmp_path) as tracker:
        assert 200 == tracker.post({"vid": "v"})
        tracker.flush()
        assert 1 == tracker.value("SELECT count() FROM sfpla.events")
