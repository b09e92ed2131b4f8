"""Asks a running tracker, or any ClickHouse server, over HTTP; what `tracker sql` does."""

import base64
import http.client
import io
import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import IO, Final, TextIO, cast
from urllib.parse import urlencode

from tracker.progress import ProgressLine, amount
from tracker.query.protocol import DATABASE
from tracker.query.tokens import statements as split

OK: Final = 0
FAILED: Final = 1  # the server refused a statement; those after it were not asked
UNREACHABLE: Final = 2
INTERRUPTED: Final = 130

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 3600.0
PIECE: Final = 1 << 16

FORMATS: Final[dict[str, str]] = {
    "table": "PrettyCompact",
    "tsv": "TabSeparated",
    "csv": "CSVWithNames",
    "json": "JSON",
    "jsonl": "JSONEachRow",
    "ndjson": "JSONEachRow",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "vertical": "Vertical",
    "markdown": "Markdown",
}
"""Short names; all else goes to the server as it is, so `CSV` is ClickHouse's, without names."""

_BINARY: Final = frozenset({"Parquet", "Arrow", "ArrowStream", "Native", "RowBinary", "ORC",
                            "Avro"})


class _Stop(Exception):
    """Ends the run with an exit code and a line on standard error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def run_sql(host: str, port: int, password: str, statements: str, fmt: str | None,
            out: TextIO | IO[bytes], params: Mapping[str, str], store: str = "",
            database: str = DATABASE) -> int:
    """Ask one statement after the other and write the answers to `out`; returns an exit code.

    `fmt` is a name in `FORMATS` or one of ClickHouse's; None is a table on a terminal, else text
    with tabs. A FORMAT clause in a statement wins. `params` fill `{name:Type}` in the statements.
    `store` names one besides the embedded engine; its statements are in its own dialect.
    Tables without a database are those of `database`.
    """
    sink = _Sink(out)
    form = _format(fmt, terminal=sink.terminal)
    if form in _BINARY and sink.terminal:
        print(f"{form} is not text: send it to a file, as in  > answer", file=sys.stderr)
        return FAILED
    arguments = {"database": database, "default_format": form,
                 **({"store": store} if store else {}),
                 **{f"param_{name}": _escaped(value) for name, value in params.items()}}
    try:
        for statement in split(statements):
            _ask(host, port, password, statement, sink, arguments)
    except _Stop as stop:
        print(stop, file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        sink.flush()
    return OK


class _Sink:
    """Where answers go: bytes, also where a text stream was given."""

    def __init__(self, out: TextIO | IO[bytes]) -> None:
        self.terminal = out.isatty()
        self._out = out
        self._bytes: IO[bytes] | None = getattr(out, "buffer", None)

    def write(self, piece: bytes) -> None:
        """Write bytes; a text stream without bytes below gets them decoded."""
        if self._bytes is not None:
            self._bytes.write(piece)
            return
        if isinstance(self._out, io.TextIOBase):
            self._out.write(piece.decode("utf-8", "replace"))
        else:
            cast("IO[bytes]", self._out).write(piece)

    def flush(self) -> None:
        """Hand on what is buffered."""
        self._out.flush()


def _format(fmt: str | None, *, terminal: bool) -> str:
    if fmt is None:
        return FORMATS["table" if terminal else "tsv"]
    return FORMATS.get(fmt, fmt)


def _ask(host: str, port: int, password: str, statement: str, sink: _Sink,
         arguments: Mapping[str, str]) -> None:
    """One statement over a connection of its own: closing it stops the query there."""
    name = str(uuid.uuid4())
    path = "/?" + urlencode({**arguments, "query_id": name})
    connection = http.client.HTTPConnection(_bare(host), port, timeout=CONNECT_SECONDS)
    try:
        connection.connect()
    except OSError as error:
        raise _Stop(UNREACHABLE, _nobody(host, port, error)) from None
    try:
        connection.sock.settimeout(ANSWER_SECONDS)
        watch = _Watch(host, port, password, name)
        with ProgressLine(watch.tell) as line:
            for piece in _pieces(connection, path, statement, password):
                line.clear()
                sink.write(piece)
    finally:
        connection.close()


class _Watch:
    """Asks a tracker how far a query is."""

    def __init__(self, host: str, port: int, password: str, name: str) -> None:
        self._where = (_bare(host), port)
        self._headers = _headers(password)
        self._path = "/progress?" + urlencode({"query_id": name})

    def tell(self, seconds: float) -> str:
        """How far it is, for people; where the server does not say so, how long it runs."""
        parts = [f"{seconds:.0f} s"]
        found = self._ask()
        if found:
            read, total = found["read_rows"], found["total_rows"]
            share = f" of {total:,} ({min(read / total, 1):.0%})" if total >= read > 0 else ""
            parts += [f"{read:,} rows read{share}", amount(found["memory_bytes"])]
        return ", ".join([*parts, "Ctrl-C stops it"])

    def _ask(self) -> dict[str, int]:
        connection = http.client.HTTPConnection(*self._where, timeout=CONNECT_SECONDS)
        try:
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            return cast("dict[str, int]", json.loads(answer.read())) if answer.status == 200 else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()


def _pieces(connection: http.client.HTTPConnection, path: str, statement: str, password: str
            ) -> Iterator[bytes]:
    """The answer as it comes; what breaks on the way there ends the run."""
    end = mark = b""
    try:
        connection.request("POST", path, statement.encode(), _headers(password))
        answer = connection.getresponse()
        if answer.status != 200:
            raise _Stop(FAILED, answer.read(PIECE).decode("utf-8", "replace").strip()
                        or f"HTTP {answer.status} {answer.reason}")
        mark = _mark(answer)
        while piece := answer.read1(PIECE):
            end = (end + piece)[-PIECE:]
            yield piece.partition(mark)[0] if mark else piece
    except (OSError, http.client.HTTPException) as error:
        if not _failure(end, mark):
            raise _Stop(UNREACHABLE, "the answer broke off before it was complete:"
                                     f" {str(error) or type(error).__name__}") from None
    if failure := _failure(end, mark):
        raise _Stop(FAILED, failure)


def _mark(answer: http.client.HTTPResponse) -> bytes:
    """What announces an error behind a part of the result; b"" when none can come."""
    tag = answer.getheader("X-ClickHouse-Exception-Tag", "")
    return f"\r\n__exception__\r\n{tag}\r\n".encode() if tag else b""


def _failure(end: bytes, mark: bytes) -> str:
    """The error at the end of an answer, "" without one."""
    if not mark:
        return ""
    text = end.rpartition(mark)[2] if mark in end else b""
    return text.decode("utf-8", "replace").partition("\n")[0].strip()


def _headers(password: str) -> dict[str, str]:
    headers = {"Content-Type": "text/plain; charset=UTF-8"}
    if password:
        token = base64.b64encode(f"default:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return headers


def _escaped(value: str) -> str:
    """A parameter's value as the server reads it: backslash, tab and line end escaped."""
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _bare(host: str) -> str:
    """The host to connect to; a server that listens everywhere also listens on loopback."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound


def _nobody(host: str, port: int, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return (f"nothing listens at {host}:{port}: start the tracker with `tracker config.json`, "
                "or name another --port")
    return f"{host}:{port} cannot be reached: {error}"
