"""What is fuzzed through the real thing: requests over HTTP, and the files of a spool."""

import asyncio
import logging
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz import seeds
from fuzz.checks import spool

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from harness.process import TrackerProcess, running
from harness.spools import place_segment, read_fresh
from tracker.spool.segment import SECTOR

AT_ONCE = 16
PER_SECOND = 2_000
ANSWER_SECONDS = 10.0
GROWTH_MIB = 256
"""How much a worker may grow while it is fuzzed."""

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_WORDS = [word.encode().decode("unicode_escape").encode("latin-1") for word in seeds.WORDS]


@dataclass(frozen=True, slots=True)
class Live:
    """One way in that needs sockets or files.

    `run` takes how many inputs, a seed and a folder to write in, and says what it did; what does
    not hold is an `AssertionError`.
    """

    name: str
    holds: str
    run: Callable[[int, int, Path], str]


def mutated(dice: random.Random, corpus: Sequence[bytes]) -> bytes:
    """One of the corpus with a few changes, as a fuzzer makes them."""
    data = bytearray(dice.choice(corpus))
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(data))
        match dice.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1:
                del data[at:at + dice.randint(1, 16)]
            case 2:
                data[at:at] = dice.choice(_WORDS)
            case 3:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 4:
                other = dice.choice(corpus)
                data[at:] = other[dice.randint(0, len(other)):]
            case _:
                data[at:at] = data[at:at + dice.randint(1, 64)] * dice.randint(1, 3)
    return bytes(data)


def over_http(count: int, seed: int, folder: Path) -> str:
    """Send so many connections to a tracker; all that it accepted must be rows."""
    corpus = [*seeds.requests(), *_grown(folder, "door"), *_grown(folder, "intake")]
    with tempfile.TemporaryDirectory() as data, running(
            Path(data), Domains=["shop.example"], DefaultRedirect="https://home.example/",
            TrustedProxies=["127.0.0.1"], AllowOrigin="https://a.example") as tracker:
        before = tracker.processes()
        size = _mib(before[1])
        began = time.monotonic()
        answers = asyncio.run(_Attack(tracker.port, corpus, random.Random(seed)).run(count))
        took = time.monotonic() - began
        assert before == tracker.processes(), "a process died"
        assert _mib(before[1]) - size < GROWTH_MIB, "a worker has grown"
        rows = _account(tracker)
        assert "request_failed" not in tracker.log(), tracker.log()[-2000:]
    statuses = ", ".join(f"{status}: {times:,}" for status, times in sorted(answers.items()))
    return (f"http       {count:>11,} {count / took:>9,.0f}/s  none: every process lives, {rows:,}"
            f" events accepted are {rows:,} rows; {statuses}")


def _account(tracker: TrackerProcess) -> int:
    """What was accepted is rows or repeats, nothing a dead letter; gives the rows."""
    tracker.flush()
    accepted, rows, repeats = (int(value) for value in tracker.sql(
        "SELECT sum(accepted) AS a, sum(landed) AS r, sum(duplicates) AS d FROM accounting"
    )[0].values())
    assert accepted == rows + repeats, (accepted, rows, repeats)
    assert rows == int(tracker.value("SELECT count() FROM events"))
    return rows


def _grown(folder: Path, name: str) -> list[bytes]:
    """What earlier fuzzing found worth keeping."""
    return [path.read_bytes() for path in sorted((folder / "corpus" / name).glob("*"))]


def _mib(process: int) -> int:
    text = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) >> 10


class _Attack:
    """Connections that each send one input and read until the worker hangs up."""

    def __init__(self, port: int, corpus: Sequence[bytes], dice: random.Random) -> None:
        self._port = port
        self._corpus = corpus
        self._dice = dice
        self._answers: Counter[int] = Counter()
        self._left = 0
        self._due = 0.0

    async def run(self, count: int) -> Counter[int]:
        """How often each status came."""
        self._left, self._due = count, time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work())
        return self._answers

    async def _work(self) -> None:
        while self._left > 0:
            self._left -= 1
            self._due += 1 / PER_SECOND
            await asyncio.sleep(max(self._due - time.monotonic(), 0))
            data = mutated(self._dice, self._corpus)
            try:
                answered = await asyncio.wait_for(self._send(data), ANSWER_SECONDS)
            except TimeoutError:
                raise AssertionError(f"no end of the answer to {data!r}") from None
            for status in map(int, _STATUS.findall(answered)):
                self._answers[status] += 1
                assert status < 500, f"{status} for {data!r}"

    async def _send(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        answered = b""
        try:
            writer.write(data)
            writer.write_eof()
            while piece := await reader.read(1 << 16):
                answered += piece
        except ConnectionError:  # it hung up on what it does not take
            pass
        finally:
            writer.close()
        return answered


def in_spools(count: int, seed: int, folder: Path) -> str:
    """Damage the files of so many spools; every record that was not touched must be read."""
    logging.disable(logging.ERROR)  # it would tell of each damage
    dice = random.Random(seed)
    segment = spool.make_segment([[b"a" * 40, b"b" * 7, b""], [b"c" * 600], [b"d", b"e" * 100]])
    whole = {number: record for number, (_, record) in segment.places.items()}
    corpus = [*seeds.damages(), *_grown(folder, "damage")]
    read = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as data:
        directory = Path(data) / "w0"
        for _ in range(count):
            content = spool.damaged(segment.content, mutated(dice, corpus)[2:])
            place_segment(directory, content)
            found = {record.sequence: record.data for record in read_fresh(directory)}
            assert found.items() <= whole.items()
            if content[:SECTOR] == segment.content[:SECTOR]:
                assert found.keys() >= spool.untouched(segment, content)
            read += len(found)
    logging.disable(logging.NOTSET)
    took = time.monotonic() - began
    return (f"spools     {count:>11,} {count / took:>9,.0f}/s  none: {read:,} records read, all as"
            " they were written")


LIVE: tuple[Live, ...] = (
    Live("http", "requests over HTTP to a running tracker: no 5xx, no process dies or grows, all"
         " accepted events are rows", over_http),
    Live("spools", "files of spools, damaged: what was not touched is read, nothing is made up",
         in_spools),
)
