"""What the tracker writes is for its owner alone, whoever made it and whatever the umask."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.process import TrackerProcess

SECRETS = ("rosebud-42", "prefix-77")
STORES = [{"Service": "chdb"}, {"Service": "duckdb"}]


def open_to_others(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in [folder, *folder.rglob("*")]
            if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077]


@pytest.mark.server
def test_no_file_is_open_to_others_and_no_secret_shows(tmp_path: Path) -> None:
    tracker = TrackerProcess(tmp_path, Notify=STORES, Workers=1, QueryPassword=SECRETS[0],
                             PrefixPrivateHash=SECRETS[1])
    before = os.umask(0)
    try:
        tracker.start()
    finally:
        os.umask(before)
    try:
        assert 200 == tracker.post({"vid": "v", "ename": "e", "email": "a@example.com"})
        shown = [Path(f"/proc/{pid}/cmdline").read_text() for pid in tracker.processes()]
        shown += [tracker.request("GET", path)[2].decode()
                  for path in ("/health", "/metrics", "/status")]
        tracker.stop()
    finally:
        tracker.kill()
    checked = subprocess.run(
        [sys.executable, "-m", "tracker", "check", str(tmp_path / "config.json")],
        capture_output=True, text=True, timeout=60, check=True)

    assert [] == open_to_others(tracker.data)
    for text in (*shown, checked.stdout, checked.stderr, tracker.log()):
        assert [] == [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize(("mode", "said"), [(0o700, False), (0o750, False), (0o777, True)])
def test_a_data_directory_that_others_may_write_is_told(tmp_path: Path, mode: int, said: bool
                                                        ) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    config = tmp_path / "config.json"
    config.write_text('{"ProxyExceptHTTP": "127.0.0.1:0"}')
    done = subprocess.run([sys.executable, "-m", "tracker", "check", str(config)],
                          capture_output=True, text=True, timeout=60, check=True)

    assert said == (f"DataDirectory: others may write in {data}" in done.stdout)
