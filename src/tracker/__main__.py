"""`python -m tracker` and the `tracker` command."""

import os
import sys

from tracker.cli import run

OWNER_ALONE = 0o077
"""What we make is for the owner alone, also what the engines make by themselves."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    os.umask(OWNER_ALONE)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
