"""Makes file operations fail and the clock jump inside the processes of a tracker.

A piece of shared memory says what goes wrong now. It is read without opening anything, so that it
works in a process that has no descriptors left. The clock is that of Python (`time.time`,
`time.time_ns`): what the tracker dates with. The engine's own and the kernel's go on as they were.
"""

import errno
import functools
import mmap
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "TRACKER_CHAOS_CONTROL"
NONE, SYNC, TORN, DIE, FULL, READ_ONLY, SLOW = range(7)
"""What file operations do: see `_file_call` and `_write`."""

_LAYOUT = struct.Struct("<qqdd")  # clock offset (ns), fault, chance, until (monotonic seconds)
_SYNCS = ("fsync", "fdatasync", "sync_directory")
_CALLS = ("open", "allocate", "rename", "unlink", "make_directory", *_SYNCS)
_LONGEST_SYNC = 0.3


class Control:
    """The shared memory, as seen by whoever writes it and by those who obey it."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    @classmethod
    def new(cls, path: Path) -> "Control":
        """A new one that lets everything work."""
        path.write_bytes(bytes(_LAYOUT.size))
        return cls(path)

    @property
    def offset(self) -> int:
        """How far the clock is ahead, in nanoseconds."""
        return int(_LAYOUT.unpack_from(self._memory)[0])

    @property
    def fault(self) -> int:
        """What the next file operation does: chance decides each time anew."""
        _, fault, chance, until = _LAYOUT.unpack_from(self._memory)
        if fault == NONE or time.monotonic() > until or random.random() > chance:
            return NONE
        return int(fault)

    def jump(self, seconds: float) -> None:
        """Set the clock ahead of the true time, or behind it."""
        _, *rest = _LAYOUT.unpack_from(self._memory)
        _LAYOUT.pack_into(self._memory, 0, int(seconds * 1e9), *rest)

    def break_files(self, fault: int, chance: float, seconds: float) -> None:
        """Let file operations go wrong for a while."""
        _LAYOUT.pack_into(self._memory, 0, self.offset, fault, chance, time.monotonic() + seconds)

    def mend(self) -> None:
        """Let everything work."""
        _LAYOUT.pack_into(self._memory, 0, 0, NONE, 0.0, 0.0)


def install() -> None:
    """Wrap the clock and the file operations of this process; nothing without a control."""
    path = os.environ.get(VARIABLE)
    if path is None:
        return
    control = Control(Path(path))
    _wrap_clock(control)  # before anything takes the functions of `time` as they are
    from tracker.durable import Files  # noqa: PLC0415 - the seam
    if not {"-m", "tracker"} <= {*sys.orig_argv}:  # the supervisor may refuse to start
        _wrap_files(Files, control)


def _wrap_clock(control: Control) -> None:
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + control.offset / 1e9
    time.time_ns = lambda: nanoseconds() + control.offset


def _wrap_files(files: type[Any], control: Control) -> None:
    for name in _CALLS:
        if hasattr(files, name):
            setattr(files, name, _file_call(name, getattr(files, name), control))
    files.pwrite = _write(files.pwrite, control)


def _file_call(name: str, real: Callable[..., Any], control: Control) -> Callable[..., Any]:
    """A call that may fail; a sync fails after it was done, as nobody can know that."""
    @functools.wraps(real)
    def call(self: Any, *arguments: Any) -> Any:
        fault = control.fault
        if fault == FULL and name in {"open", "allocate", "make_directory"}:
            raise _error(errno.ENOSPC)
        if fault == READ_ONLY and name not in _SYNCS:
            raise _error(errno.EROFS)
        if fault == DIE and random.random() < 0.5:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == SLOW and name in _SYNCS:
            time.sleep(random.uniform(0, _LONGEST_SYNC))
        result = real(self, *arguments)
        if fault == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == SYNC and name in _SYNCS:
            raise _error(errno.EIO)
        return result
    return call


def _write(real: Callable[..., int], control: Control) -> Callable[..., int]:
    """A write that may be cut off anywhere, or be whole and yet fail: it is a sync too."""
    @functools.wraps(real)
    def pwrite(self: Any, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        fault = control.fault
        if fault in {FULL, READ_ONLY}:
            raise _error(errno.ENOSPC if fault == FULL else errno.EROFS)
        if fault == SLOW:
            time.sleep(random.uniform(0, _LONGEST_SYNC))
        if fault not in {TORN, DIE}:
            written = real(self, descriptor, data, offset)
            if fault == SYNC:
                raise _error(errno.EIO)
            return written
        written = real(self, descriptor, data[:random.randint(1, len(data))], offset)
        if fault == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        if random.random() < 0.5:
            raise _error(errno.EIO)
        return written
    return pwrite


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
