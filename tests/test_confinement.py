"""What a confined process cannot do any more, whatever runs in it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tracker.confinement import version

pytestmark = pytest.mark.skipif(not version(), reason="this kernel has no Landlock")

SCRIPT = """
import os, signal, socket, sys
from pathlib import Path
from tracker.confinement import confine

readable, writable, secret, port, pid = sys.argv[1:]
assert confine([Path(readable)], [Path(writable)])

def tried(work):
    try:
        work()
    except OSError:
        return "refused"
    return "done"

print(tried(lambda: Path(readable, "rows").read_text()),
      tried(lambda: Path(writable, "own").write_text("x")),
      tried(lambda: Path(secret).read_text()),
      tried(lambda: Path(secret).write_text("x")),
      tried(lambda: Path(readable, "rows").write_text("x")),
      tried(lambda: Path(readable, "rows").unlink()),
      tried(lambda: Path(readable, "more").mkdir()),
      tried(lambda: Path("/etc/passwd").read_text()),
      tried(lambda: Path(f"/proc/{pid}/environ").read_bytes()))
print(tried(lambda: socket.create_connection(("127.0.0.1", int(port)), 5)),
      tried(lambda: os.kill(int(pid), signal.SIGCONT)))
import decimal, zoneinfo
print(zoneinfo.ZoneInfo("Europe/Berlin").key, decimal.Decimal(1))
"""


def test_files_networks_and_other_processes_are_out_of_reach(tmp_path: Path) -> None:
    readable, writable, secret = tmp_path / "chdb", tmp_path / "query", tmp_path / "private.key"
    readable.mkdir()
    writable.mkdir()
    (readable / "rows").write_text("rows")
    secret.write_text("secret")
    with subprocess.Popen(["sleep", "60"]) as other:
        with socket.create_server(("127.0.0.1", 0)) as server:
            said = subprocess.run(
                [sys.executable, "-c", SCRIPT, readable, writable, secret,
                 str(server.getsockname()[1]), str(other.pid)],
                capture_output=True, text=True, check=False, timeout=60)
        other.kill()

    assert "" == said.stderr
    files, others, python = said.stdout.splitlines()
    assert files == "done done" + " refused" * 7
    assert others == ("refused" if version() >= 4 else "done") + (
        " refused" if version() >= 6 else " done")
    assert python == "Europe/Berlin 1"
    assert "secret" == secret.read_text()
