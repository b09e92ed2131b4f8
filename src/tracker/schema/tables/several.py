"""Columns that are many of a kind, declared in one line."""

from dataclasses import replace

from tracker.columns import Column, Kind


def several(kind: Kind, about: str, names: str, *, personal: bool = False) -> tuple[Column, ...]:
    """One column per word of `names`; `{}` in `about` is the name."""
    return tuple(
        Column(name, kind, about.replace("{}", f"`{name}`"), personal=personal)
        for name in names.split())


def marked(columns: tuple[Column, ...], names: str) -> tuple[Column, ...]:
    """The same columns in the same order; those that `names` has, as words, are personal."""
    wanted = set(names.split())
    return tuple(replace(column, personal=True) if column.name in wanted else column
                 for column in columns)
