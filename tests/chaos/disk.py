"""A small disk of its own for the data directory: a file system in a file (root, ext4)."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from harness.attack import fill

MEGABYTES = 640
_NEEDED = ("mkfs.ext4", "mount", "umount", "fsfreeze")


class Disk:
    """Mounted at `path`; `full`, `frozen` and `dead` are what can happen to it."""

    def __init__(self, path: Path, image: Path) -> None:
        self._path = path
        self._image = image
        self._ballast: Path | None = None
        self._frozen = False
        self.dead = False

    @classmethod
    def mounted(cls, path: Path, image: Path) -> "Disk | str":
        """A new disk, or why there can be none here."""
        missing = [program for program in _NEEDED if _where(program) is None]
        if missing:
            return f"{', '.join(missing)} is not installed"
        if os.geteuid() != 0:
            return "mounting takes root"
        path.mkdir(parents=True, exist_ok=True)
        image.touch(0o600)
        os.truncate(image, MEGABYTES << 20)
        try:
            _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
            disk = cls(path, image)
            disk.mount()
        except subprocess.CalledProcessError as error:
            return f"mounting is not allowed here: {error.stderr.decode().strip()}"
        return disk

    def mount(self) -> None:
        """Put it in its place."""
        _run("mount", "-o", "loop", str(self._image), str(self._path))
        self.dead = False

    def unmount(self) -> None:
        """Take it away; no process may use it."""
        _run("umount", str(self._path))

    def fill(self, leave: int) -> None:
        """Take all space but `leave` bytes."""
        self._ballast = fill(self._path, leave)

    def freeze(self) -> None:
        """Let all writes wait."""
        self._frozen = True
        _run("fsfreeze", "--freeze", str(self._path))

    def kill(self) -> None:
        """Make it read-only at once, as the kernel does when it no longer trusts a disk."""
        self.dead = True
        _run("mount", "-o", "remount,abort", str(self._path))

    def mend(self) -> None:
        """End what can be ended while it is in use; a dead disk must be mounted anew."""
        if self._frozen:
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("fsfreeze", "--unfreeze", str(self._path))
            self._frozen = False
        if self._ballast is not None and not self.dead:
            self._ballast.unlink(missing_ok=True)
            self._ballast = None


def _where(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _run(program: str, *arguments: str) -> None:
    subprocess.run([_where(program) or program, *arguments], check=True, capture_output=True,
                   timeout=60)
