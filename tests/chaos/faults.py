"""Every kind of fault in one table: a new one is a line in `FAULTS`, and a function if need be.

A fault strikes a running tracker, lasts for a while where it can, and ends itself. What it cannot
end, or must not leave behind, is in `Arena.mend`. All its choices come from the dice it is given.
"""

import contextlib
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chaos.arena import Arena, Broken
from chaos.damage import Place, places
from chaos.disk import Disk
from chaos.layer import faultlayer
from harness.attack import held
from harness.process import eventually

_NAMED_SECONDS = 30.0

Strike = Callable[[Arena, random.Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` does it; `disk` says that it takes a small disk of its own."""

    name: str
    about: str
    strike: Strike
    disk: bool = False


# --- processes ----------------------------------------------------------------------------------


def kill_worker(arena: Arena, dice: random.Random) -> None:
    """One worker dies at once."""
    arena.send([arena.worker(dice)], signal.SIGKILL)


def kill_store(arena: Arena, dice: random.Random) -> None:
    """The store process dies at once, sometimes again while it starts."""
    for _ in range(dice.choice((1, 1, 3))):
        arena.send([arena.pid("store")], signal.SIGKILL)
        time.sleep(dice.uniform(0.2, 1.5))


def kill_supervisor(arena: Arena, dice: random.Random) -> None:
    """The supervisor dies; what it started ends by itself, and a new one begins."""
    del dice
    arena.send([arena.pid("supervisor")], signal.SIGKILL)
    if arena.tracker.child is not None:
        arena.tracker.child.wait(10)
        arena.tracker.child = None


def kill_all(arena: Arena, dice: random.Random) -> None:
    """Everything dies at once and stays away for a moment."""
    arena.pid("supervisor")
    arena.tracker.kill()
    time.sleep(dice.uniform(0, 1.5))


def stop(arena: Arena, dice: random.Random) -> None:
    """A stop in order under load, and a new start."""
    arena.pid("supervisor")
    if arena.tracker.stop() not in {0, -signal.SIGTERM}:  # the latter while it still starts
        raise Broken(f"a stop in order failed: {arena.tracker.log()[-1500:]}")
    time.sleep(dice.uniform(0, 1))


def pause(name: str, arena: Arena, dice: random.Random) -> None:
    """A process stands still for seconds: `name`, a worker, or all."""
    if name == "all":
        arena.pid("store")
        pids = list(arena.pids().values())
    else:
        pids = [arena.worker(dice) if name == "worker" else arena.pid(name)]
    arena.send(pids, signal.SIGSTOP)
    time.sleep(dice.uniform(0.5, 7.0))
    arena.send(pids, signal.SIGCONT)


# --- disks --------------------------------------------------------------------------------------


def disk_full(arena: Arena, dice: random.Random) -> None:
    """The disk of the data is full to some last bytes, for seconds."""
    assert isinstance(arena.disk, Disk)
    arena.disk.fill(dice.choice((0, 0, 100_000, 2_000_000)))
    arena.hold(dice.uniform(1.0, 4.0), dice)
    arena.disk.mend()


def disk_dies(arena: Arena, dice: random.Random) -> None:
    """The disk is read-only at once, until it is mounted anew under a new start."""
    assert isinstance(arena.disk, Disk)
    arena.disk.kill()
    arena.hold(dice.uniform(0.5, 3.0), dice)
    arena.mend()


def disk_hangs(arena: Arena, dice: random.Random) -> None:
    """Every write to the disk waits for seconds."""
    assert isinstance(arena.disk, Disk)
    arena.pid("store")
    arena.disk.freeze()
    time.sleep(dice.uniform(0.5, 4.0))
    arena.disk.mend()


def break_files(fault: int, arena: Arena, dice: random.Random) -> None:
    """File operations of the tracker's own go wrong by chance, for seconds."""
    chance, seconds = dice.choice((0.02, 0.2, 1.0)), dice.uniform(0.5, 3.0)
    arena.control.break_files(fault, chance, seconds)
    arena.hold(seconds, dice)
    arena.control.mend()


# --- surroundings -------------------------------------------------------------------------------


def jump(arena: Arena, dice: random.Random) -> None:
    """The clock jumps ahead or back, by less than `EidDays`, some times, and then home."""
    for _ in range(dice.randint(1, 3)):
        seconds = dice.choice((-86_400, -3_600, -70, -1, 1, 70, 3_600, 86_400))
        arena.notes.append(f"{seconds:+} s")
        arena.control.jump(seconds)
        arena.hold(dice.uniform(0.3, 2.5), dice)
    arena.control.jump(0)


def lock(store: str, arena: Arena, dice: random.Random) -> None:
    """Another process has a store's files open when the tracker starts, for seconds."""
    arena.ready()
    arena.tracker.stop()
    with held(store, arena.tracker.data):
        arena.revive()
        arena.hold(dice.uniform(1.0, 4.0), dice)


def descriptors(arena: Arena, dice: random.Random) -> None:
    """A process may open no file more, for seconds."""
    pid = _anyone(arena, dice)
    with contextlib.suppress(OSError):
        used = max(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()) + 1
        arena.limit(pid, resource.RLIMIT_NOFILE, used + dice.choice((-8, 0, 3)))
    arena.hold(dice.uniform(1.0, 4.0), dice)
    arena.mend()


def memory(arena: Arena, dice: random.Random) -> None:
    """A process gets hardly any memory more, for seconds."""
    pid = _anyone(arena, dice)
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        arena.limit(pid, resource.RLIMIT_AS,
                    pages * os.sysconf("SC_PAGE_SIZE") + dice.choice((0, 1 << 20, 64 << 20)))
    arena.hold(dice.uniform(1.0, 4.0), dice)
    arena.mend()


def _anyone(arena: Arena, dice: random.Random) -> int:
    name = dice.choice(("w0", "w1", "store", "store"))
    arena.notes.append(name)
    return arena.pid(name)


# --- damage -------------------------------------------------------------------------------------


def flip_sealed(arena: Arena, dice: random.Random) -> None:
    """Bits flip in records that are sealed, and the store process reads the spool anew."""
    arena.ready()
    before = _corrupt(arena)
    store = arena.pid("store")
    arena.send([store], signal.SIGSTOP)
    chosen = _some(places(arena.tracker.data, sealed=True), dice)
    for place in chosen:
        place.flip(dice)
    arena.send([store], signal.SIGKILL)
    arena.notes.append(f"{len(chosen)} records")
    arena.ready()
    arena.tracker.flush()
    if _corrupt(arena) != before:
        raise Broken(f"records that were sealed count as lost: {before} before, now"
                     f" {_corrupt(arena)}")


def flip_unread(arena: Arena, dice: random.Random) -> None:
    """Bits flip in records that are not sealed: what is lost must be found and named."""
    arena.ready()
    before = _corrupt(arena)
    store = arena.pid("store")
    arena.send([store], signal.SIGSTOP)
    time.sleep(dice.uniform(0.5, 1.5))
    chosen = _some(places(arena.tracker.data, sealed=False), dice)
    for place in chosen:
        place.flip(dice)
        arena.destroyed |= place.marks
    arena.send([store], dice.choice((signal.SIGKILL, signal.SIGCONT)))
    arena.ready()
    arena.tracker.flush()
    there = marks_in(arena, set().union(*(place.marks for place in chosen)))
    lost = sum(not place.marks <= there for place in chosen)
    arena.notes.append(f"{len(chosen)} records, {lost} lost")

    def named() -> bool:
        health = arena.tracker.health()
        return (health["spool"]["corrupt"] or 0) >= before + lost \
            and (lost == 0 or health["status"] == "degraded")
    try:
        eventually(named, _NAMED_SECONDS, f"{lost} records that were lost are counted")
    except AssertionError as error:
        raise Broken(f"{error}; /health: {arena.tracker.health()}") from None


def _some(all_places: list[Place], dice: random.Random) -> list[Place]:
    """A few records; some of them side by side."""
    if not all_places:
        return []
    start, count = dice.randrange(len(all_places)), dice.randint(1, 4)
    return list({*all_places[start:start + count], dice.choice(all_places)})


def marks_in(arena: Arena, marks: set[str]) -> set[str]:
    """Which of these events are in the embedded store."""
    found = arena.tracker.sql(
        "SELECT DISTINCT params.k::String AS k FROM sfpla.events WHERE has({marks:Array(String)},"
        " params.k::String)", marks=f"[{','.join(repr(mark) for mark in sorted(marks))}]")
    return {str(row["k"]) for row in found}


def _corrupt(arena: Arena) -> int:
    return int(arena.tracker.health()["spool"]["corrupt"] or 0)


# --- the table ----------------------------------------------------------------------------------

FAULTS: tuple[Fault, ...] = (
    Fault("kill-worker", "kill -9 of a worker", kill_worker),
    Fault("kill-store", "kill -9 of the store process, once or three times", kill_store),
    Fault("kill-supervisor", "kill -9 of the supervisor", kill_supervisor),
    Fault("kill-all", "kill -9 of all processes", kill_all),
    Fault("stop", "SIGTERM and a new start", stop),
    Fault("pause-worker", "a worker stands still", partial(pause, "worker")),
    Fault("pause-store", "the store process stands still", partial(pause, "store")),
    Fault("pause-supervisor", "the supervisor stands still", partial(pause, "supervisor")),
    Fault("pause-all", "all processes stand still", partial(pause, "all")),
    Fault("disk-full", "no space left", disk_full, disk=True),
    Fault("disk-dies", "read-only at once, then mounted anew", disk_dies, disk=True),
    Fault("disk-hangs", "every write waits", disk_hangs, disk=True),
    Fault("sync-fails", "a write or sync is done and says EIO",
          partial(break_files, faultlayer.SYNC)),
    Fault("write-torn", "a write is cut off, with or without EIO",
          partial(break_files, faultlayer.TORN)),
    Fault("write-kills", "a write is cut off by the end of its process",
          partial(break_files, faultlayer.DIE)),
    Fault("spool-full", "files cannot be made or written: ENOSPC",
          partial(break_files, faultlayer.FULL)),
    Fault("spool-read-only", "files cannot be made or written: EROFS",
          partial(break_files, faultlayer.READ_ONLY)),
    Fault("sync-slow", "a sync takes up to 0.3 s", partial(break_files, faultlayer.SLOW)),
    Fault("clock-jumps", "up to a day ahead or back", jump),
    Fault("duckdb-locked", "another process has the file", partial(lock, "duckdb")),
    Fault("chdb-locked", "another process has the engine's files", partial(lock, "chdb")),
    Fault("no-descriptors", "EMFILE in one process", descriptors),
    Fault("no-memory", "ENOMEM in one process", memory),
    Fault("flip-sealed", "damage to what was read", flip_sealed),
    Fault("flip-unread", "damage to what was not read", flip_unread),
)
