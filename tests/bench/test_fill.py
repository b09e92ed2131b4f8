"""A large store made of a small one."""

import json
import subprocess
import sys
from pathlib import Path

from harness.batches import NOON, make_batch

ROOT = Path(__file__).parents[2]
FILLED = """
import json, sys
from pathlib import Path
from bench.rig import fill
from harness.batches import read_batch
from tracker.stores.chdb import ChdbStore
from tracker.stores.engine import Engine
from tracker.stores.statements import Statements
folder, rows = Path(sys.argv[1]), sys.argv[2]
engine = Engine(folder / "chdb")
store = ChdbStore("chdb", engine)
store.open()
store.land(read_batch(Path(sys.argv[3]), 1))
store.close()
engine.close()
fill.main([str(folder / "chdb"), rows])
with Statements(folder / "chdb") as statements:
    [said] = statements.rows(
        "SELECT count() AS events, uniqExact(eid) AS ids, uniqExact(vid) AS visitors,"
        " uniqExact(toDate(created_at)) AS days FROM sfpla.events")
    [counted] = statements.rows("SELECT sum(total) AS counted FROM sfpla.dailies")
    [left] = statements.rows("SELECT count() AS seeds FROM system.tables WHERE name = 'bench_seed'")
print(json.dumps({name: int(value) for name, value in (said | counted | left).items()}))
"""


def test_copies_are_other_events_of_other_visitors_and_what_is_derived_counts_them(
        tmp_path: Path) -> None:
    batch = make_batch(tmp_path, 1, [{"vid": f"v{i}", "hhash": "h", "ip": "192.0.2.1",
                                      "created_at": NOON}
                                     for i in range(10)])
    done = subprocess.run([sys.executable, "-c", FILLED, str(tmp_path), "45",
                           str(batch.path)], text=True, capture_output=True, cwd=ROOT,
                          check=False, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"})

    assert 0 == done.returncode, done.stderr
    first, last = done.stdout.splitlines()
    assert "45" == first
    assert {"events": 45, "ids": 45, "visitors": 45, "days": 5, "counted": 45, "seeds": 0
            } == json.loads(last)
