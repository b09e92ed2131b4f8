"""Columns that are many of a kind, declared in one line."""

from tracker.columns import Column, Kind


def several(kind: Kind, about: str, names: str, *, personal: bool = False) -> tuple[Column, ...]:
    """One column per word of `names`; `{}` in `about` is the name."""
    return tuple(
        Column(name, kind, about.replace("{}", f"`{name}`"), personal=personal)
        for name in names.split())
