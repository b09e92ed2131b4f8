"""No byte of a 2xx leaves a worker before the write that covers its event has returned."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.attack import event, post, worker_of
from harness.process import TrackerProcess, eventually
from harness.worker import Client

pytestmark = pytest.mark.server

CALLS = "pwrite64,pwritev,fdatasync,fsync,openat,write,writev,sendto,sendmsg"
BEGUN = re.compile(r"^(\d+) +([\d.]+) (\w+)\((.*)$")
RESUMED = re.compile(r"^(\d+) +([\d.]+) <\.\.\. (\w+) resumed>(.*)$")
MARK = re.compile(r"durable-\d+-\d+")


@contextlib.contextmanager
def traced(pid: int, log: Path) -> Iterator[None]:
    """All writes and syncs of a process and its threads, with their bytes, in `log`."""
    if shutil.which("strace") is None:
        assert not os.environ.get("CI"), "strace is missing; apt-get install strace"
        pytest.skip("needs strace")
    tracer = subprocess.Popen(["strace", "-f", "-ttt", "-s", "400000", "-e", f"trace={CALLS}",
                               "-o", log, "-p", str(pid)], stderr=subprocess.PIPE)
    try:
        assert tracer.stderr is not None
        if b"attached" not in tracer.stderr.readline():
            assert not os.environ.get("CI"), "strace may not attach"
            pytest.skip("strace may not attach here")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)


def calls(log: Path) -> Iterator[tuple[str, str, str]]:
    """Each call as ("begin" or "end", name, arguments), in the order of the trace."""
    open_calls: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        if begun := BEGUN.match(line):
            thread, _, name, rest = begun.groups()
            yield "begin", name, rest
            if rest.endswith("<unfinished ...>"):
                open_calls[thread] = rest
            else:
                yield "end", name, rest
        elif resumed := RESUMED.match(line):
            thread, _, name, rest = resumed.groups()
            yield "end", name, open_calls.pop(thread, "") + rest


def test_no_answer_leaves_before_its_event_is_on_disk(tracker: TrackerProcess,
                                                      tmp_path: Path) -> None:
    log = tmp_path / "trace"

    def send(client_number: int) -> None:
        with Client(tracker.port) as client:
            for number in range(25):
                body = event(f"durable-{client_number}-{number}")
                answer = client.ask(post(json.dumps([body]), target="/tr/v1/str/"))
                assert 200 == answer.status

    with traced(worker_of(tracker), log):
        with ThreadPoolExecutor(4) as pool:
            for sending in [pool.submit(send, number) for number in range(4)]:
                sending.result()
        eventually(lambda: log.exists() and log.read_text(errors="replace").count("HTTP/1.1 200")
                   >= 100, 20, "all answers are in the trace")

    durable = answered = written = 0
    for moment, name, rest in calls(log):
        marks = len(set(MARK.findall(rest)))
        if name.startswith("pwrite") and marks:
            written += marks if moment == "begin" else 0
            durable += marks if moment == "end" and re.search(r"\) += \d+$", rest) else 0
        elif moment == "begin" and "HTTP/1.1 200" in rest:
            answered += rest.count("HTTP/1.1 200")
            assert answered <= durable, "an answer left before its event was on disk"
    assert (100, 100, 100) == (written, durable, answered)
    check_flags(tracker)


def check_flags(tracker: TrackerProcess) -> None:
    """A returned write is on disk because the segments are open with O_DSYNC."""
    flags = []
    for descriptor in Path(f"/proc/{worker_of(tracker)}/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()).endswith(".segment"):
                info = Path(f"/proc/{worker_of(tracker)}/fdinfo/{descriptor.name}").read_text()
                flags.append(int(re.search(r"flags:\s+(\d+)", info)[1], 8))  # type: ignore[index]  # there is always a line
    assert flags
    assert all(flag & os.O_DSYNC for flag in flags)
