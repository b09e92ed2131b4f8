"""What a query can fail with, told as ClickHouse tells it: code, name, text and HTTP status."""

import re
from typing import Final

from tracker.errors import TrackerError

NAMES: Final[dict[int, str]] = {
    36: "BAD_ARGUMENTS",
    62: "SYNTAX_ERROR",
    159: "TIMEOUT_EXCEEDED",
    164: "READONLY",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    210: "NETWORK_ERROR",
    279: "ALL_CONNECTION_TRIES_FAILED",
    291: "DATABASE_ACCESS_DENIED",
    344: "SUPPORT_IS_DISABLED",
    381: "QUERY_IS_TOO_LARGE",
    394: "QUERY_WAS_CANCELLED",
    396: "TOO_MANY_ROWS_OR_BYTES",
    446: "FUNCTION_NOT_ALLOWED",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    1002: "UNKNOWN_EXCEPTION",
}

MAX_TEXT: Final = 4_000  # the engine repeats the query in some messages

_STATUS: Final[dict[int, int]] = {
    **dict.fromkeys((6, 27, 36, 38, 41, 42, 43, 44, 53, 62, 70, 72, 117, 131, 306, 386, 457), 400),
    **dict.fromkeys((456, 467, 69, 167, 168), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 73, 81, 115), 404),
    **dict.fromkeys((164, 291, 344, 446, 497), 403),
    159: 408,
    **dict.fromkeys((202, 279), 503),
    381: 413,
    516: 401,
}

_CODE: Final = re.compile(r"Code: (\d+)\. DB::Exception: ")
_NAME: Final = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_VERSION: Final = re.compile(r"(?: \(version [^)]*\))(?:\. \([A-Z][A-Z0-9_]+\))?")


class QueryFailed(TrackerError):
    """A query that is refused or that failed; the client gets `text` with `status`."""

    def __init__(self, code: int, message: str, name: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.name = name or NAMES.get(code, "UNKNOWN_EXCEPTION")
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse answers with for this code; 500 for all others."""
        return _STATUS.get(self.code, 500)

    @property
    def text(self) -> str:
        """The body of the answer."""
        return f"Code: {self.code}. DB::Exception: {self.message}. ({self.name})\n"


def from_engine(error: BaseException) -> QueryFailed:
    """The engine's own error with its code; wrappings that it repeats are taken off."""
    text = str(error)
    codes = list(_CODE.finditer(text))
    if not codes:
        return QueryFailed(1002, text.strip().rstrip(".") or type(error).__name__)
    text = _VERSION.sub("", text[codes[-1].end():]).strip()
    names = list(_NAME.finditer(text))
    if names and text.endswith(names[-1].group(0)):
        text, name = text[: names[-1].start()], names[-1].group(1)
    else:
        name = ""
    code = int(codes[-1].group(1))
    text = text.strip().rstrip(".")
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]} …"
    return QueryFailed(code, text, name or NAMES.get(code, ""))
