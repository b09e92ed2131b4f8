"""Answers remembered for the texts that come again and again."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

_LONGEST = 512

_T = TypeVar("_T")


def remembered(answer: Callable[[str], _T], entries: int) -> Callable[[str], _T]:
    """The same function, which remembers its last `entries` answers to texts of modest length.

    Longer texts are answered afresh, so that whoever sends them cannot fill the memory.
    """
    recall = lru_cache(entries)(answer)

    def ask(text: str) -> _T:
        return recall(text) if len(text) <= _LONGEST else answer(text)

    return ask
