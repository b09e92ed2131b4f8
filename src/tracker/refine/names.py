"""The names we know: which keys of a client fill which column, in any case of letters."""

from collections.abc import Iterable

from tracker.columns import BATCH_COLUMNS, From

_UTM = ("source", "medium", "campaign", "content", "term")
_ASIDE = ("created", "time", "first", "email", "cell", "uname")
"""Keys that fill a column after some thought, so they are taken under their own names."""

PERSONAL = frozenset({"email", "cell", "uname", "ehash", "chash", "uhash"})
"""What never stays in `params`, at whatever place a client puts it."""

ACCOUNT = "acct"

Table = dict[str, tuple[str, int]]


def spellings(with_account: bool) -> Table:
    """Key in lower case -> (name, rank); of the keys of one name that are sent rank 0 wins."""
    table = {
        key: (column.name, rank)
        for column in BATCH_COLUMNS if column.source is From.CLIENT
        for rank, key in enumerate((column.name, *column.keys))
    }
    table |= {name: (name, 0) for name in (*_ASIDE, *((ACCOUNT,) if with_account else ()))}
    return table | {f"utm_{name}": (name, 1) for name in _UTM}


def sort_keys(keys: Iterable[str], table: Table) -> dict[str, list[str]]:
    """Name -> those of `keys` that mean it, best first: by rank, exact case before any other."""
    found: dict[str, list[tuple[int, bool, str]]] = {}
    for key in keys:
        known = table.get(key)
        exact = known is not None
        if known is None:
            known = table.get(key.lower())
        if known is not None:
            found.setdefault(known[0], []).append((known[1], not exact, key))
    return {name: [key for _, _, key in sorted(ranked)] for name, ranked in found.items()}
