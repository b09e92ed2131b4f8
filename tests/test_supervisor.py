"""A process that tells nothing of itself is ended, and only that one; pauses end nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tracker.supervisor import _SILENT_SECONDS, _Process


@pytest.fixture
def process(tmp_path: Path) -> Iterator[_Process]:
    """A process that does nothing, with the file that it would write; started at 0 seconds."""
    told = tmp_path / "w0.json"
    told.touch()
    started: list[subprocess.Popen[bytes]] = []

    def launch() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"]))
        return started[-1]

    made = _Process("w0", launch, told)
    made.look(0.0)
    made.look(1.0)
    yield made
    for child in started:
        child.kill()
        child.wait()


def lives(process: _Process) -> bool:
    """Whether it is still the first one, and runs."""
    time.sleep(0.1)
    return process.started == 0.0 and process.child is not None and process.child.poll() is None


def test_a_process_is_ended_after_it_has_told_nothing_for_long(process: _Process) -> None:
    process.look(_SILENT_SECONDS)
    assert lives(process)
    process.look(_SILENT_SECONDS + 2)
    assert not lives(process)


def test_a_clock_that_jumps_ahead_makes_no_process_silent(process: _Process) -> None:
    day_ago = time.time() - 86_400  # what was written before the jump looks old behind it
    for second in range(int(_SILENT_SECONDS) * 2):
        os.utime(process.told, (day_ago + second, day_ago + second))
        process.look(float(second))
    assert lives(process)


def test_a_clock_that_jumps_back_hides_no_silence(process: _Process) -> None:
    tomorrow = time.time() + 86_400
    os.utime(process.told, (tomorrow, tomorrow))
    process.look(2.0)
    process.look(_SILENT_SECONDS + 3)
    assert not lives(process)


def test_a_pause_of_the_supervisor_is_no_reason_to_stop() -> None:
    program = ("import signal, tracker.supervisor as s;"
               " signal.pthread_sigmask(signal.SIG_BLOCK, s._SIGNALS);"
               " print('watching', flush=True); s._watch([]); print('told to stop', flush=True)")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE,
                          text=True) as watching:
        assert watching.stdout is not None
        assert "watching\n" == watching.stdout.readline()
        for _ in range(2):
            time.sleep(0.3)
            watching.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            watching.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        assert watching.poll() is None
        watching.send_signal(signal.SIGTERM)
        assert "told to stop\n" == watching.stdout.readline()


@pytest.mark.parametrize(("status", "said"), [
    (os.EX_TEMPFAIL, "starting a process again"), (1, "process died, starting it again"),
    (-signal.SIGKILL, "process died, starting it again")])
def test_a_process_that_ends_to_be_started_again_has_not_died(
        process: _Process, status: int, said: str) -> None:
    assert process.child is not None
    process.child.kill()
    process.child.wait()
    process.child.returncode = status
    with capture_logs() as logs:
        process.look(2.0)
    assert [said] == [line["event"] for line in logs]
    process.look(2.0 + process.pause)
    assert process.child is not None
