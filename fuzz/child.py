"""One target under atheris, in a process of its own: `python -m fuzz.child NAME [libFuzzer's]`."""

import os
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tracker", "ipaddress", "urllib.parse"]):
    from fuzz import seeds
    from fuzz.target import GROWTH_MIB, Check
    from fuzz.targets import TARGETS

HANG_SECONDS = 20
"""Wall clock after which an input hangs for good; CPU time is held to less by the target."""


def rss_mib() -> int:
    """How large this process is."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


class Stopwatch:
    """Says on stderr what CPU time the slowest input took, in seconds, whenever it is another."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._slowest = 0.0

    def run(self, data: bytes) -> None:
        """Check one input."""
        began = time.process_time()
        self._check(data)
        took = time.process_time() - began
        if took > self._slowest:
            self._slowest = took
            print(f"slowest: {took:.4f}", file=sys.stderr, flush=True)


def main() -> None:
    """Fuzz until libFuzzer's `-runs` or `-max_total_time` are over; exit status 77 is a finding."""
    name, corpus, *options = sys.argv[1:]
    target = next(target for target in TARGETS if target.name == name)
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    for place, seed in enumerate([*target.seeds(), *seeds.found(name)]):
        (folder / f"seed-{place:03d}").write_bytes(seed)
        target.run(seed)  # what is loaded late is loaded before the size is taken
    words = folder.with_suffix(".dict")
    words.write_text("".join(f'"{word}"\n' for word in seeds.WORDS))
    atheris.Setup(
        [sys.argv[0], f"-max_len={target.most}", f"-timeout={HANG_SECONDS}", f"-dict={words}",
         f"-rss_limit_mb={rss_mib() + GROWTH_MIB}", "-print_final_stats=1", *options, str(folder)],
        Stopwatch(target.run).run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
