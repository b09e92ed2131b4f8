"""Statements in the embedded engine while no tracker runs, as `tracker schema` needs them."""

from pathlib import Path
from typing import Self

from tracker.errors import StoreUnavailable
from tracker.stores.engine import Engine, Session, brief, rows_of


class Statements:
    """A context in which the engine over one directory is open."""

    def __init__(self, directory: Path) -> None:
        self._engine = Engine(directory)
        self._session: Session = None

    def __enter__(self) -> Self:
        self._session = self._engine.session()
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._engine.close()

    def execute(self, statement: str) -> None:
        """Run a statement."""
        self.rows(statement)

    def rows(self, query: str) -> list[dict[str, object]]:
        """Run a query; its rows by column name."""
        try:
            return rows_of(self._session, query)
        except RuntimeError as error:
            raise StoreUnavailable(brief(error)) from error
