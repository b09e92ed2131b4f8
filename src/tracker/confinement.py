"""Walls around the process that runs users' queries: the kernel's, besides the fence's.

Landlock (Linux 5.13 and later, as any user) lets a process give up rights for good: here to write
anything but its own place, to read anything but the tables and what Python needs, to open
connections, to signal other processes. Where the kernel has no Landlock nothing is given up.
"""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_NO_NEW_PRIVILEGES: Final = 38

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIRECTORY: Final = 1 << 3
_TRUNCATE: Final = 1 << 14
_READ: Final = _EXECUTE | _READ_FILE | _READ_DIRECTORY
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights to files each version knows; later ones know 16."""

_NET_SINCE: Final = 4
_NO_TCP: Final = 0b11  # neither bind nor connect
_SCOPES_SINCE: Final = 6
_NO_OTHERS: Final = 0b11  # neither abstract sockets nor signals of processes outside

_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/sys", "/etc/ld.so.cache", "/etc/localtime",
                  "/etc/timezone", "/dev/null", "/dev/urandom", "/proc/self", "/proc/sys",
                  *(f"/proc/{name}" for name in ("cpuinfo", "loadavg", "meminfo", "stat", "uptime",
                                                 "version", "vmstat")))
"""Of /proc not what tells of other processes: root may read their environment there."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(_call(_CREATE_RULESET, None, 0, _VERSION), 0)


def confine(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Give up, for this thread and those it starts, all files but these and what Python needs.

    Whether the kernel can do it; raises OSError where it can and fails.
    """
    known = version()
    if not known:
        return False
    every = (1 << _RIGHTS.get(known, 16)) - 1
    rules = _Ruleset(every, _NO_TCP if known >= _NET_SINCE else 0,
                     _NO_OTHERS if known >= _SCOPES_SINCE else 0)
    ruleset = _checked(_call(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0))
    try:
        for path in (*map(Path, _SYSTEM), *_python(), *readable):
            _allow(ruleset, path, _READ & every)
        for path in writable:
            _allow(ruleset, path, every)
        _checked(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(_call(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _python() -> Iterable[Path]:
    """Where Python and what is imported lie; never the working directory."""
    places = {sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry)}
    return map(Path, sorted(places))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Leave `rights` to a file, or to all that lies in a directory, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not path.is_dir():
                rights &= _OF_FILES
            rule = _Beneath(rights, descriptor)
            _checked(_call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
        finally:
            os.close(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    """A system call by its number, which is the same on all of Linux's current machines."""
    return int(_libc().syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
