"""What a reader may ask: one statement that reads our tables, and nothing outside of them.

The engine's `readonly=1` stops writes and most table functions, but leaves ways to local files and
to the network. So each query is spelled by the engine itself (`formatQuerySingleLine`: no
comments, one way of quoting, every hidden part written out), and each name in that spelling is
looked at. A name is refused wherever it stands, for functions are also called by name alone
(`arrayMap(file, …)`, `* APPLY file`). The operating system's user stays the outer wall.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tracker.query.engine import Session
from tracker.query.failure import QueryFailed, from_engine
from tracker.query.tokens import Kind, Token, plain_name, tokens

STATEMENTS: Final = frozenset({"SELECT", "WITH", "EXPLAIN", "DESCRIBE", "DESC", "SHOW", "EXISTS",
                               "FROM", "VALUES"})

TABLE_FUNCTIONS: Final = frozenset({
    "generateseries", "generate_series", "merge", "mergetreeindex", "null", "numbers",
    "numbers_mt", "primes", "sqlstandardvalues", "values", "view", "zeros", "zeros_mt",
})
"""Table functions that make rows out of nothing or read tables of the engine."""

SCALARS_TOO: Final = frozenset({"format"})
"""Names of table functions that are ordinary functions as well; `readonly=1` refuses the former."""

_FUNCTIONS: Final = re.compile(
    r"""file|eval|executable|python|arrowstream|bigquery|fuzz\w+|ai[A-Z]\w*|AI[A-Z]\w*
    |(?i:ai(classify|embed|extract|filter|generate|redact|similarity|translate))
    |catboostevaluate|modelevaluate|evalmlmethod|naivebayes\w*|getclienthttpheader
    |showcertificate|addressto\w+|demangle|logtrace|hascolumnintable|filesystem\w+
    |generateserialid|__\w+""", re.VERBOSE)
"""Functions that read files, reach the network or the process; none is called behind a dot."""

_TABLES: Final = re.compile(
    r"""stack_trace|jemalloc_\w+|symbols|user_directories|named_collections|certificates
    |remote_data_paths|zookeeper\w*|fail_points""", re.VERBOSE)
"""Tables of `system` whose reading acts on the process or tells of the machine."""

_FLUSH: Final = re.compile(r"SYSTEM FLUSH ASYNC INSERT QUEUE( [\w.`]+)*", re.IGNORECASE)

WRITES: Final = ("INSERT", "CREATE", "ALTER", "DROP", "TRUNCATE", "DELETE", "UPDATE", "OPTIMIZE",
                 "RENAME", "ATTACH", "DETACH", "UNDROP", "EXCHANGE", "MOVE")


@dataclass(frozen=True, slots=True)
class Statement:
    """A query that may run.

    `sql`       the query without a SETTINGS clause at its end
    `settings`  what that clause sets
    `format`    that of its FORMAT clause, "" without one
    `select`    it is a SELECT whose rows can be fetched block by block
    """

    sql: str
    settings: Mapping[str, str]
    format: str
    select: bool


def bare(sql: str) -> str:
    """`sql` without comments, runs of white space and closing semicolons."""
    words = (" " if token.kind is Kind.SPACE else token.text for token in tokens(sql))
    return " ".join("".join(words).split()).rstrip("; ")


def is_flush(sql: str) -> bool:
    """Whether `sql` asks to wait until everything acknowledged so far has landed."""
    return len(sql) < 1000 and _FLUSH.fullmatch(bare(sql)) is not None


def is_outside(name: str) -> bool:
    """Whether a function of this name reaches out of the database."""
    return bool(_FUNCTIONS.fullmatch(name) or _FUNCTIONS.fullmatch(name.lower()))


def is_inside(name: str) -> bool:
    """Whether this is a table of the engine's inside."""
    return _TABLES.fullmatch(name.lower().removeprefix("system.")) is not None


class Fence:
    """Judges queries; knows from the engine which names are table functions."""

    def __init__(self, session: Session) -> None:
        names = session.query("SELECT lower(name) FROM system.table_functions", "TSVRaw")
        known = frozenset((names.bytes() or b"").decode().split())
        self._outside = known - TABLE_FUNCTIONS - SCALARS_TOO

    def check(self, session: Session, sql: str, params: Mapping[str, str]) -> Statement:
        """The statement in `sql`; raises `QueryFailed` when it may not or cannot run."""
        text = spell(session, sql)
        spelled = _read(text)
        first = next((t.text for t in spelled if t.text != "("), "").upper()
        if first not in STATEMENTS:
            raise _not_a_read(first)
        form = _format_clause(spelled)
        self._check_names(spelled[:form] + spelled[form + 1:])
        _check_parameters(spelled, params)
        shorter, settings = _without_settings(text, spelled)
        sql = shorter if settings else sql
        kind = session._conn._conn.classify_query(sql, "default")
        if kind["statement_count"] != 1 or kind["query_class"].name != "READ_ONLY":
            raise QueryFailed(164, "Only one reading statement is allowed here")
        words = {t.text for t in spelled if t.kind is Kind.WORD}
        return Statement(sql, settings, plain_name(spelled[form]) if form < len(spelled) else "",
                         first in {"SELECT", "WITH", "FROM"} and "TOTALS" not in words)

    def _check_names(self, spelled: list[Token]) -> None:
        for at, token in enumerate(spelled):
            if token.kind not in {Kind.WORD, Kind.NAME}:
                continue
            name = plain_name(token)
            called = at + 1 < len(spelled) and spelled[at + 1].text == "("
            owner = plain_name(spelled[at - 2]) if at > 1 and spelled[at - 1].text == "." else ""
            if is_inside(name) and owner.lower() in {"", "system"}:
                raise _out_of_bounds(name)
            if is_outside(name.rpartition(".")[2] if called else name) and (called or not owner):
                raise _out_of_bounds(name)
            if called and name.lower() in self._outside:
                raise _out_of_bounds(name)
            if called and name.lower() == "merge":
                _check_merge(spelled[at + 2:at + 4])
            if token.text in {"APPLY", "OUTFILE"}:
                raise QueryFailed(497, f"{token.text} is not allowed here; name the columns, and "
                                       "save the answer on the client's side")


def spell(session: Session, sql: str) -> str:
    """The query as the engine writes it, on one line; raises `QueryFailed` if it does not parse."""
    if "\0" in sql:
        raise QueryFailed(62, "The query holds a NUL character")
    quoted = sql.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r",
                                                                                       "\\r")
    try:
        result = session.query("SELECT formatQuerySingleLine({query:String})", "TSVRaw",
                               params={"query": quoted})
    except RuntimeError as error:
        failure = from_engine(error)
        text = failure.message.partition(": In scope SELECT formatQuery")[0]
        raise QueryFailed(failure.code, text, failure.name) from None
    return (result.bytes() or b"").decode().removesuffix("\n")


def _read(text: str) -> list[Token]:
    """The pieces of the engine's spelling, which has no comments and one sort of quotes.

    Anything else would mean that engine and fence read it differently, so it is refused.
    """
    spelled = []
    for token in tokens(text):
        if _is_strange(token):
            raise QueryFailed(497, f"The query is not understood at {token.text[:40]!r}; "
                                   "write it without unusual quotes and signs")
        if token.kind is not Kind.SPACE:
            spelled.append(token)
    return spelled


def _is_strange(token: Token) -> bool:
    match token.kind:
        case Kind.SPACE:
            return not token.text.isspace()
        case Kind.MARK:
            return token.text in "$#\\"
        case Kind.TEXT | Kind.NAME:
            return not _is_closed(token.text)
    return False


def _is_closed(quoted: str) -> bool:
    return len(quoted) > 1 and quoted[0] in "'`\"" and quoted[-1] == quoted[0]


def _check_merge(arguments: list[Token]) -> None:
    """`merge` only over a database that is named as plain text, and not over system tables."""
    if len(arguments) < 2 or arguments[0].kind is not Kind.TEXT or arguments[1].text != ",":
        raise QueryFailed(497, "merge() needs the database as text in its first argument: "
                               "merge('sfpla', '^events')")
    if arguments[0].text.strip("'").lower() == "system":
        raise QueryFailed(497, "merge() over the engine's own tables is not allowed; name a table")


def _check_parameters(spelled: list[Token], params: Mapping[str, str]) -> None:
    """Values that stand for names are names too: `{f:Identifier}`."""
    for at in range(len(spelled) - 2):
        if spelled[at].text == ":" and spelled[at + 1].text == "Identifier":
            value = params.get(plain_name(spelled[at - 1]), "")
            if any(is_inside(part) or is_outside(part) for part in re.split(r"\W+", value)):
                raise _out_of_bounds(value)


def _format_clause(spelled: list[Token]) -> int:
    """Where the name behind the statement's own FORMAT stands; behind the end without one."""
    depth = 0
    for at, token in enumerate(spelled[:-1]):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind is Kind.WORD and token.text == "FORMAT":
            ends = at + 2 == len(spelled) or spelled[at + 2].text == "SETTINGS"
            if ends and spelled[at + 1].kind in {Kind.WORD, Kind.NAME}:
                return at + 1
    return len(spelled)


def _without_settings(text: str, spelled: list[Token]) -> tuple[str, dict[str, str]]:
    """The text without the SETTINGS clause of the whole query, and what that sets, if any.

    A reading session refuses such a clause, whatever it sets.
    """
    depth = start = 0
    for at, token in enumerate(spelled):
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and token.kind is Kind.WORD and token.text == "SETTINGS":
            start = at
    settings: dict[str, str] = {}
    end = start + 1
    while start and end + 2 < len(spelled) and spelled[end + 1].text == "=":
        name, value = spelled[end].text, ""
        end += 2
        while end < len(spelled) and spelled[end].text not in {",", "FORMAT", "UNION"}:
            value += spelled[end].text
            end += 1
        settings[name] = value.strip("'")
        if end < len(spelled) and spelled[end].text == ",":
            end += 1
    if not settings or not (end == len(spelled) or spelled[end].text == "FORMAT"):
        return "", {}
    rest = text[spelled[end].start:] if end < len(spelled) else ""
    return text[:spelled[start].start] + rest, settings


def _not_a_read(first: str) -> QueryFailed:
    if first in {"CREATE", "DROP", "ALTER", "TRUNCATE", "RENAME"}:
        advice = ("the tables are the tracker's; stop it, then `tracker schema drop` and `tracker"
                  " schema apply` make them anew")
    elif first in WRITES:
        advice = "the tracker alone writes; send events to /tr/v1/tr/ or /tr/v1/str/"
    elif first in {"SET", "USE"}:
        advice = "give settings and `database` as parameters of the URL"
    elif first == "SYSTEM":
        advice = "only SYSTEM FLUSH ASYNC INSERT QUEUE is understood"
    else:
        advice = "use SELECT, WITH, SHOW, DESCRIBE, EXISTS or EXPLAIN"
    return QueryFailed(164, f"Cannot execute {first or 'nothing'} in readonly mode: {advice}")


def _out_of_bounds(name: str) -> QueryFailed:
    return QueryFailed(497, f"`{name}` is not allowed here: queries read the tracker's own tables "
                            "only, not files, networks or the engine's inside; a column or alias "
                            "of this name needs another name")
