"""What every store can do, and the contract it keeps."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import pyarrow as pa

from tracker.batch import Batch


class Store(Protocol):
    """Where batches land. All calls come from one thread, that of the store's courier."""

    name: str

    def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises `StoreUnavailable` when it cannot be reached or written now; may be called again.
        """

    def land(self, batch: Batch) -> None:
        """Return when all rows of `batch`, in every table, are durable there.

        The same batch twice, also after a crash half-way, leaves each row once: the store knows
        the batch by `batch.token(table)` or by its number. Batches come in ascending order.
        Raises `StoreUnavailable` (the same batch will come again) or `BatchRefused` (parts of it
        will come, as `batch.part(...)`; of one row, that row never again). Where every row was
        refused, a part without rows comes for the batch's own line in `accounting`.
        """

    def check(self) -> None:
        """Look whether what was written lately is there; called now and then, so it is quick.

        Raises `StoreDamaged` where it is not.
        """

    def close(self) -> None:
        """Let go of the store; `open` may follow."""


@runtime_checkable
class Reader(Protocol):
    """A store that can be asked, from any thread, in its own SQL."""

    def query(self, sql: str, params: Mapping[str, str], seconds: float, result_bytes: int
              ) -> pa.Table:
        """All rows of one reading statement, in so many seconds and bytes.

        Raises `QueryRefused` for what does not run, `StoreUnavailable` when it is not open.
        """
