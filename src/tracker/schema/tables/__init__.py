"""Every table and view of the database, in the order in which they are made."""

from tracker.schema.table import Derived, Fed, Table, View
from tracker.schema.tables import analytics, compliance, core, messaging, operations, users

TABLES: tuple[Table, ...] = (
    core.TABLES + users.TABLES + messaging.TABLES + compliance.TABLES + operations.TABLES
)
"""Tables that batches are inserted into."""

DERIVED: tuple[Derived, ...] = analytics.DERIVED + users.DERIVED + operations.DERIVED
"""Tables that follow from the rows of each batch."""

FED: tuple[Fed, ...] = users.FED + messaging.FED + compliance.FED + operations.FED
"""Tables that are fed from rows of some kind."""

VIEWS: tuple[View, ...] = (
    analytics.VIEWS + users.VIEWS + messaging.VIEWS + compliance.VIEWS + operations.VIEWS
)
"""Queries under a name; they keep nothing."""


def stored() -> tuple[Table, ...]:
    """All tables that hold rows, derived ones too."""
    return TABLES + tuple(dict.fromkeys(derived.table for derived in DERIVED))


def personal() -> dict[str, tuple[str, ...]]:
    """The personal columns of each table that has some: what prune, erase and export look at."""
    marks = {table.name: tuple(column.name for column in table.columns if column.personal)
             for table in stored()}
    return {name: columns for name, columns in marks.items() if columns}
