"""What a reader may ask of DuckDB: one statement that reads tables.

The engine is locked out of files and networks, and reads in a transaction that cannot write. Some
of its table functions act all the same: they log, profile, write checkpoints or take addresses in
memory. So each query is taken apart by the engine itself, and the functions in it are looked at.
"""

import re
from typing import TYPE_CHECKING, Final

from tracker.errors import QueryRefused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, Statement

TABLE_FUNCTIONS: Final = frozenset({
    "duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions",
    "duckdb_indexes", "duckdb_keywords", "duckdb_schemas", "duckdb_settings", "duckdb_tables",
    "duckdb_types", "duckdb_views", "generate_series", "histogram", "histogram_values",
    "icu_calendar_names", "json_each", "json_tree", "pg_timezone_names", "pragma_collations",
    "pragma_database_size", "pragma_platform", "pragma_show", "pragma_storage_info",
    "pragma_table_info", "pragma_user_agent", "pragma_version", "range", "repeat", "repeat_row",
    "summary", "unnest",
})
"""Those that make rows out of nothing or tell of the tables; all others are refused."""

MAX_SQL_BYTES: Final = 64 << 10
MAX_COMMENTS: Final = 100
"""The engine's parser takes time with the square of either, and lets no other thread run."""

_FUNCTION: Final = re.compile(r'"function_name":"([^"]*)"')
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN(?:\s+ANALYZE)?(?:\s*\((?:ANALYZE|FORMAT)[^()]*\))?",
                             re.IGNORECASE)


def table_functions(connection: "DuckDBPyConnection") -> frozenset[str]:
    """The names of all table functions that the engine has, in lower case."""
    return frozenset(str(row[0]).lower() for row in connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions()"
        " WHERE function_type IN ('table', 'table_macro')").fetchall())


def reading(reader: "DuckDBPyConnection", sql: str, known: frozenset[str]) -> "Statement":
    """The one statement in `sql`; raises `QueryRefused` for one that does more than read.

    `known` are the engine's `table_functions`.
    """
    import duckdb  # noqa: PLC0415 - an extra, and 50 MB

    if len(sql.encode()) > MAX_SQL_BYTES or sql.count("/*") > MAX_COMMENTS:
        raise QueryRefused(f"a query may have {MAX_SQL_BYTES} bytes and {MAX_COMMENTS} comments"
                           " here; shorten it")
    statements = reader.extract_statements(sql)
    if len(statements) != 1:
        raise QueryRefused(f"one statement at a time, not {len(statements)}")
    statement, text = statements[0], statements[0].query
    if statement.type == duckdb.StatementType.EXPLAIN:
        text = _EXPLAIN.sub("", text, count=1)
    elif statement.type != duckdb.StatementType.SELECT:
        raise QueryRefused("only reading statements are run here: SELECT, SHOW, DESCRIBE, EXPLAIN")
    for name in sorted(functions(reader, text) & known - TABLE_FUNCTIONS):
        raise QueryRefused(f"`{name}` is not allowed here: queries read the tracker's own tables"
                           " only")
    return statement


def functions(reader: "DuckDBPyConnection", text: str) -> set[str]:
    """The names, in lower case, of all functions that one SELECT calls."""
    row = reader.execute("SELECT json_serialize_sql($sql)", {"sql": text}).fetchone()
    tree = str(row[0]) if row is not None else ""
    if not tree.startswith('{"error":false'):
        raise QueryRefused("only reading statements are run here: SELECT, SHOW, DESCRIBE, and"
                           " EXPLAIN of these")
    return {name.lower() for name in _FUNCTION.findall(tree)}
