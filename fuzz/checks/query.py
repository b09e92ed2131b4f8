"""What the query endpoint reads before the engine does."""

import re

from tracker.query.endpoint import _host_name
from tracker.query.failure import QueryFailed, from_engine
from tracker.query.fence import (
    SCALARS_TOO,
    TABLE_FUNCTIONS,
    Fence,
    _check_parameters,
    _format_clause,
    _read,
    _without_settings,
    bare,
    is_flush,
    is_inside,
    is_outside,
)
from tracker.query.protocol import (
    MAX_SQL_BYTES,
    arguments,
    checked_id,
    credentials,
    read_query,
)
from tracker.query.render import split_format
from tracker.query.tokens import Kind, plain_name, statements, tokens

_PLAIN = re.compile(r"[\x21-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x1f&=#%'\"\\]")


class _Names:
    """The answer that tells a fence which table functions the engine has."""

    def bytes(self) -> bytes:
        """Names, one a line."""
        return b"file\nurl\ns3\nremote\nexecutable\nnumbers\nmerge\nformat\nview\n"


class _Session:
    def query(self, *_: object, **__: object) -> _Names:
        """The names of table functions, whatever is asked."""
        return _Names()


_FENCE = Fence(_Session())  # type: ignore[arg-type]  # all that it asks of a session


def check_tokens(data: bytes) -> None:
    """Pieces joined are the text; each statement of a script stands in it."""
    sql = data.decode("utf-8", "replace")
    pieces = list(tokens(sql))
    assert sql == "".join(piece.text for piece in pieces)
    place = 0
    for piece in pieces:
        assert piece.start == place
        place += len(piece.text)
        if piece.kind is Kind.NAME:
            plain_name(piece)
    for statement in statements(sql):
        assert statement in sql
    bare(sql)
    is_flush(sql)
    assert sql.startswith(split_format(sql, "x").sql)


def check_fence(data: bytes) -> None:
    """Text as the engine might spell it: refused, or passed without a name out of bounds."""
    text = data.decode("utf-8", "replace")
    try:
        spelled = _read(text)
        _FENCE._check_names(spelled)
        _check_parameters(spelled, {"f": text, "": text})
    except QueryFailed as failure:
        check_failure(failure)
        return
    form = _format_clause(spelled)
    assert 0 <= form <= len(spelled)
    shorter, settings = _without_settings(text, spelled)
    assert len(shorter) <= len(text)
    assert bool(shorter or not settings)
    for before, token, behind in zip([None, *spelled], spelled, [*spelled[1:], None],
                                     strict=False):
        if token.kind is Kind.WORD and behind is not None and behind.text == "(" \
                and (before is None or before.text != "."):
            assert not is_outside(token.text)
            assert token.text.lower() in TABLE_FUNCTIONS | SCALARS_TOO \
                or token.text.lower() not in _FENCE._outside
        if token.kind is Kind.WORD and (before is None or before.text != "."):
            assert not is_inside(token.text)


def check_failure(failure: QueryFailed) -> None:
    """A failure has a status of HTTP, and says its code."""
    assert 400 <= failure.status <= 503
    assert failure.text.startswith(f"Code: {failure.code}. DB::Exception: ")


def check_protocol(data: bytes) -> None:
    """URL, headers and body of a request: a query within bounds, or a refusal."""
    line, _, rest = data.partition(b"\n")
    fields, _, body = rest.partition(b"\n\n")
    headers = {}
    for field in fields.split(b"\n"):
        name, _, value = field.partition(b":")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode(
            "utf-8", "surrogateescape")
    _host_name(headers.get("host", ""))
    from_engine(RuntimeError(data.decode("utf-8", "replace")))
    try:
        args = arguments(line)
        credentials(headers, args)
        query = read_query(headers, args, body, "id")
    except QueryFailed as failure:
        check_failure(failure)
        return
    assert 0 < len(query.sql.encode()) <= MAX_SQL_BYTES
    for setting, given in query.settings.items():
        assert _PLAIN.fullmatch(setting)
        assert _CONTROL.search(given) is None
        assert setting not in {"readonly", "log_comment", "allow_ddl"}
    for plain in (query.database, query.default_format,
                  checked_id(args.get("query_id", ""), "id")):
        assert _CONTROL.search(plain) is None
