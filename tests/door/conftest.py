"""A worker that several tests of this room share, and one with short times and small bounds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.worker import Worker, settings_for, working
from tracker.settings import DoorSettings, IntakeSettings


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    public = tmp_path_factory.mktemp("public")
    (public / "a.txt").write_text("a file")
    (public / ".secret").write_text("not for you")
    with working(settings_for(tmp_path_factory.mktemp("data"),
                              intake=IntakeSettings(static_directory=public))) as worker:
        yield worker


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Worker]:
    door = DoorSettings(header_seconds=0.4, body_seconds=0.4, write_seconds=0.6, idle_seconds=1.2,
                        header_bytes=4096, body_bytes=2000, connections=20)
    with working(settings_for(tmp_path, door)) as worker:
        yield worker
