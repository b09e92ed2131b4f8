"""Every error raised on purpose. The type says what the caller does next."""


class TrackerError(Exception):
    """Root of all errors that Tracker raises on purpose."""


class ConfigError(TrackerError):
    """The configuration cannot be used; the message names the key and the mend."""


class RequestRefused(TrackerError):
    """What a client sent cannot be taken; answered with `status` and the error shape.

    `retry` is in how many seconds to come again; 0 says nothing of it.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None,
                 retry: int = 0) -> None:
        super().__init__(message)
        self.retry = retry
        self.status = status
        self.code = code
        self.message = message
        self.field = field


class SpoolUnavailable(TrackerError):
    """The spool cannot take hits now; answer 503 with Retry-After, nothing was accepted."""


class SpoolCorrupt(TrackerError):
    """Bytes of a segment do not hold what was written; they are set aside and counted."""


class BatchDamaged(TrackerError):
    """The rows of a batch are not those that were sealed; they land nowhere."""


class StoreError(TrackerError):
    """Root of what a store can fail with."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or cannot write; try the same batch again later."""


class StoreDamaged(StoreUnavailable):
    """The store cannot read what it wrote; an engine in this process mends that at its start."""


class BatchRefused(StoreError):
    """The store will never take these rows as they are; halve them and set the culprit aside."""


class QueryRefused(StoreError):
    """A query that a store does not run; the message says why."""


class ExtraMissing(TrackerError):
    """A part is configured whose packages are not installed; the message names the extra."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed: "
                         f"pip install 'tracker[{extra}]'")
