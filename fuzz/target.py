"""What a line of the table of targets is, and the bounds that every input is held to."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Check = Callable[[bytes], None]

SLOW_SECONDS = 1.0
"""CPU time that one input may take; its size is at most `Target.most` bytes."""

GROWTH_MIB = 512
"""How much larger than at its start a target's process may become."""


class TooSlow(AssertionError):
    """An input took more CPU time than any of its size may."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser that sees bytes from outside.

    `holds`  what is checked, besides that only declared errors come out
    `check`  takes any bytes; whatever it raises is a finding
    `seeds`  makes inputs to begin with
    `most`   the longest input that is tried
    """

    name: str
    holds: str
    check: Check
    seeds: Callable[[], list[bytes]]
    most: int = 4096

    def run(self, data: bytes) -> None:
        """Check one input, and the CPU time it takes."""
        began = time.process_time()
        self.check(data)
        took = time.process_time() - began
        if took > SLOW_SECONDS:
            raise TooSlow(f"{len(data)} bytes took {took:.2f} s")
