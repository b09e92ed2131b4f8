"""Programs that the benchmark runs: where `make bench-setup` puts them, and their versions."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

UNPACKED = Path(__file__).resolve().parents[2] / "build" / "peers"
"""Where `make bench-setup` unpacks and builds; nothing there is installed into the system."""

_VERSION = re.compile(r"\d+(\.\d+)+")
_SYSTEM = ("/usr/sbin", "/sbin")  # Debian keeps daemons where a user's PATH often does not look


class NotInstalled(Exception):
    """A program is missing; the message says which."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program.

    `place`    below `UNPACKED`, for what is put there
    `version`  what makes it print its version
    """

    name: str
    version: tuple[str, ...]
    place: str = ""


PROGRAMS: dict[str, Program] = {program.name: program for program in (
    Program("nginx", ("-v",)),
    Program("wrk", ("-v",)),
    Program("caddy", ("version",), "usr/bin/caddy"),
    Program("rsyslogd", ("-v",), "usr/sbin/rsyslogd"),
    Program("otelcol", ("--version",), "otelcol"),
    Program("nats-server", ("--version",)),
)}


def find(name: str) -> Path:
    """Where a program is; raises `NotInstalled`."""
    program = PROGRAMS[name]
    if program.place and (UNPACKED / program.place).exists():
        return UNPACKED / program.place
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), *_SYSTEM))
    found = shutil.which(name, path=path)
    if found is None:
        raise NotInstalled(f"{name} is not installed; `make bench-setup` brings it")
    return Path(found)


def environment() -> dict[str, str]:
    """This process's environment, with the libraries that were unpacked."""
    libraries = [str(path) for path in UNPACKED.glob("usr/lib/*-linux-gnu")]
    return os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else (
        dict(os.environ))


def version(name: str) -> str:
    """What a program says is its version, or `missing`."""
    try:
        said = subprocess.run([find(name), *PROGRAMS[name].version], capture_output=True, text=True,
                              timeout=10, check=False, env=environment())
    except (NotInstalled, OSError):
        return "missing"
    found = _VERSION.search(said.stdout + said.stderr)
    return found[0] if found else "unknown"
