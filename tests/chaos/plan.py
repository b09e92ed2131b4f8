"""What happens in which round: made of the seed alone, so that a round can be had again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

_FAULTS_A_ROUND = 2


@dataclass(frozen=True, slots=True)
class Step:
    """A fault, the seconds before it, and the seed of what it does."""

    fault: str
    delay: float
    seed: int


def plan(seed: int, names: Sequence[str], rounds: int) -> list[list[Step]]:
    """The steps of each round. Faults are dealt like cards: each comes before one comes again."""
    dice = random.Random(seed)
    cards: list[str] = []
    found = []
    for _ in range(rounds):
        steps = []
        for _ in range(_FAULTS_A_ROUND):
            if not cards:
                cards = dice.sample(names, len(names))
            steps.append(Step(cards.pop(), dice.uniform(0.1, 1.5), dice.getrandbits(32)))
        found.append(steps)
    return found
