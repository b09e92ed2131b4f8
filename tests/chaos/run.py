"""Runs rounds of faults against one tracker: `make chaos SEED=7 ROUNDS=100`.

Each round sends events and lets two faults strike. Then all faults end, what was not acknowledged
is sent again, and every store is compared with what the clients know. Ends at the first difference.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from chaos.arena import Arena, Broken
from chaos.disk import Disk
from chaos.faults import FAULTS, Fault
from chaos.plan import Step, plan
from chaos.verdict import Verdict
from harness.load import Client, Sent

ROOT = Path(__file__).parents[2]
CLIENTS = 3
PAUSE_SECONDS = 0.02


def main() -> int:
    """Run what was asked for; 1 at the first event that is not there exactly once."""
    options = _options()
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:17} {fault.about}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is ended
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=_made(ROOT / "build")))
    arena = Arena(folder)
    try:
        faults = _possible(options.faults, arena)
        print(f"SEED={options.seed}: {options.rounds} rounds, {len(faults)} kinds of faults",
              flush=True)
        failed = not _run(arena, options.seed, options.first, options.rounds, faults)
    finally:
        arena.close()
    if failed:
        print(f"kept: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Hurt a tracker and count its events.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of all that is chosen (default: a new one, which is printed)")
    parser.add_argument("--rounds", type=int, default=100, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="begin with this round of the seed")
    parser.add_argument("--faults", type=lambda text: text.split(","), default=[],
                        metavar="NAME,…", help="only these kinds")
    parser.add_argument("--list", action="store_true", help="name the kinds of faults")
    return parser.parse_args()


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _possible(names: list[str], arena: Arena) -> dict[str, Fault]:
    """The faults that were asked for and can be had here; says which cannot."""
    faults = {fault.name: fault for fault in FAULTS}
    if unknown := set(names) - faults.keys():
        raise SystemExit(f"no such fault: {', '.join(sorted(unknown))}; --list names them")
    wanted = {name: fault for name, fault in faults.items() if not names or name in names}
    if not isinstance(arena.disk, Disk):
        left_out = [name for name, fault in wanted.items() if fault.disk]
        print(f"left out, as there is no small disk ({arena.disk}): {', '.join(left_out)}")
        wanted = {name: fault for name, fault in wanted.items() if not fault.disk}
    return wanted


def _run(arena: Arena, seed: int, first: int, rounds: int, faults: dict[str, Fault]) -> bool:
    """Run rounds until one fails; whether none did."""
    began, events = time.monotonic(), 0
    arena.tracker.start()
    verdict = Verdict(arena)
    again: list[list[dict[str, object]]] = []
    steps = plan(seed, list(faults), first - 1 + rounds)
    for number in range(first, first + rounds):
        now = time.monotonic()
        try:
            new, sent = _round(arena, verdict, seed, number, steps[number - 1], faults, again)
        except Exception as error:  # whatever it is, the round is not clean
            where = "" if isinstance(error, Broken) else f"\n{traceback.format_exc(limit=-6)}"
            struck = " then ".join(step.fault for step in steps[number - 1])
            print(f"\nFAILED: SEED={seed}, round {number}: {struck}{_told(arena)}\n"
                  f"  {type(error).__name__}: {error}{where}\n"
                  f"  replay: make chaos SEED={seed} FIRST={number} ROUNDS=1; with all before it:"
                  f" make chaos SEED={seed} FIRST={first} ROUNDS={number - first + 1}", flush=True)
            return False
        again = [sent_late(one, arena.destroyed) for one in sent]
        events += new
        print(f"round {number}/{first - 1 + rounds}:"
              f" {', '.join(step.fault for step in steps[number - 1])}{_told(arena)}:"
              f" {new:,} events, each once; {time.monotonic() - now:.0f} s", flush=True)
        arena.notes.clear()
    print(f"{rounds} rounds, {events:,} events, {len(arena.destroyed):,} in records that were"
          f" damaged on purpose, none lost, none doubled; {time.monotonic() - began:.0f} s")
    return True


def _round(arena: Arena, verdict: Verdict, seed: int, number: int, steps: list[Step],
           faults: dict[str, Fault], again: list[list[dict[str, object]]],
           ) -> tuple[int, list[Sent]]:
    name = f"chaos-{number}"
    dice = random.Random(f"{seed}:{number}")
    clients = [Client(arena.tracker.port, dice.getrandbits(32), PAUSE_SECONDS, name=name,
                      again=again[at] if again else ())
               for at in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for step in steps:
            time.sleep(step.delay)
            arena.revive()
            faults[step.fault].strike(arena, random.Random(step.seed))
        arena.ready()
        sent = [client.finish() for client in clients]
        return verdict.judge(name, sent), sent
    finally:
        for client in clients:
            client.end()


def sent_late(one: Sent, destroyed: set[str]) -> list[dict[str, object]]:
    """What a client may send again in the next round: what is missing would land only then."""
    return [event for event in one.kept if event["params"]["k"] not in destroyed]


def _told(arena: Arena) -> str:
    return f" ({'; '.join(arena.notes)})" if arena.notes else ""


if __name__ == "__main__":
    raise SystemExit(main())
