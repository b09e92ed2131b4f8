"""Measures the spool alone: waiters in a closed loop on one event loop, then reading it all back.

    python bench/spool.py [--waiters 64] [--bytes 700] [--seconds 3] [--directory DIR]

One line per round: records/s, CPU of the process per record (loop and commit thread together), the
time from `append` to `deliver`, the time of one write and sync, and what reading one record costs.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tracker.durable import Files
from tracker.errors import SpoolUnavailable
from tracker.settings import SpoolSettings
from tracker.spool.reader import SpoolReader
from tracker.spool.writer import Spool


class TimedFiles(Files):
    """Notes how long each write with its sync takes, of groups and not of zeros."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def pwrite(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        """Write, and note the time."""
        before = time.perf_counter()
        written = super().pwrite(descriptor, data, offset)
        if len(data) != 256 << 10:
            self.seconds.append(time.perf_counter() - before)
        return written


class ClosedLoop:
    """Each waiter appends its next record as soon as the last one is on disk."""

    def __init__(self, directory: Path, waiters: int, record: bytes, files: Files) -> None:
        self._waiters = waiters
        self._record = record
        self._spool = Spool(directory, SpoolSettings(), self._deliver, files=files)
        self._running = True
        self.latency: list[float] = []

    async def run(self, seconds: float) -> int:
        """Append for so long; returns how many records were on disk in that time."""
        self._loop = asyncio.get_running_loop()
        self._spool.open()
        now = time.perf_counter()
        for _ in range(self._waiters):
            self._spool.append(self._record, now)
        await asyncio.sleep(seconds)
        self._running = False
        done = self._spool.stats.records
        await asyncio.to_thread(self._spool.close)
        return done

    def _deliver(self, waiters: list[object], error: SpoolUnavailable | None) -> None:
        if error is not None:
            raise error
        self._loop.call_soon_threadsafe(self._answer, waiters)

    def _answer(self, waiters: list[object]) -> None:
        for began in waiters:
            assert isinstance(began, float)
            now = time.perf_counter()
            self.latency.append(now - began)
            if self._running:
                self._spool.append(self._record, now)


def percentiles(seconds: list[float]) -> str:
    """The median and the 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    p50, p99 = (ordered[len(ordered) * part // 100] * 1000 for part in (50, 99))
    return f"{p50:.2f} / {p99:.2f} ms"


def read_all(directory: Path) -> tuple[int, float]:
    """How many records the spool gives, and the CPU seconds that took."""
    reader = SpoolReader(directory)
    count, before = 0, time.process_time()
    while records := reader.read(10_000, 64 << 20):
        count += len(records)
    spent = time.process_time() - before
    reader.close()
    return count, spent


def measure(root: Path, waiters: int, record: bytes, seconds: float) -> None:
    """One round in a fresh spool."""
    directory = Path(tempfile.mkdtemp(dir=root)) / "w0"
    files = TimedFiles()
    loop = ClosedLoop(directory, waiters, record, files)
    before = time.process_time()
    done = uvloop.run(loop.run(seconds))
    spent = time.process_time() - before
    count, read = read_all(directory)
    shutil.rmtree(directory.parent)
    print(f"{done / seconds:>9,.0f} records/s  {spent / done * 1e6:5.1f} CPU us/record  "
          f"answer {percentiles(loop.latency)}  sync {percentiles(files.seconds)}  "
          f"read {read / count * 1e6:.2f} us/record")


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--waiters", type=int, default=64)
    parser.add_argument("--bytes", type=int, default=700)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--switch", type=float, default=sys.getswitchinterval())
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    sys.setswitchinterval(options.switch)
    for _ in range(options.rounds):
        measure(options.directory, options.waiters, os.urandom(options.bytes), options.seconds)


if __name__ == "__main__":
    main()
