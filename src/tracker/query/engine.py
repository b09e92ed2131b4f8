"""What the endpoint needs of the embedded engine: sessions opened for one query each."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol


class Result(Protocol):
    """A whole result, held by the engine."""

    def bytes(self) -> bytes | None:
        """The formatted rows."""

    def rows_read(self) -> int:
        """Rows of the result."""

    def elapsed(self) -> float:
        """Seconds that the query took."""


class Stream(Protocol):
    """A result block by block; each block is formatted as if it were the whole."""

    def __iter__(self) -> Iterator[Result]: ...

    def __next__(self) -> Result: ...

    def close(self) -> None:
        """Stop the query if it runs."""


class Session(Protocol):
    """A connection of the engine; runs one statement at a time, from any thread."""

    _conn: Any  # its `_conn.classify_query` tells reads from writes

    def query(self, sql: str, fmt: str = ..., *, params: Mapping[str, str] | None = ...) -> Result:
        """Run to the end."""

    def send_query(self, sql: str, fmt: str = ..., params: Mapping[str, str] | None = ...
                   ) -> Stream:
        """Run as far as the result is fetched."""

    def close(self) -> None:
        """End the session; others on the same data go on."""


class Readable(Protocol):
    """The running engine with its tables; its methods are called in threads.

    A session costs about a millisecond, and with one per query no state of one query meets another.
    """

    def enter(self) -> None:
        """Return when all that landed before the call can be read, until `leave`.

        Raises `StoreUnavailable` when it is not known yet which tables there are.
        """

    def leave(self) -> None:
        """Nothing is read any more by one who entered; its session is closed."""

    def reader(self, settings: str) -> Session:
        """A session with `settings`, such as `readonly=1&max_threads=2`."""
