"""The whole schema as text, for people and for servers of their own."""

from collections.abc import Callable

from tracker.errors import ConfigError
from tracker.schema import clickhouse, duckdb

DIALECTS: dict[str, Callable[[], list[str]]] = {
    "clickhouse": clickhouse.ddl,
    "duckdb": duckdb.ddl,
}
"""Every dialect that the schema can be said in."""


def ddl(dialect: str = "clickhouse") -> str:
    """The statements that make the database, ended by semicolons."""
    if dialect not in DIALECTS:
        raise ConfigError(f"dialect {dialect}: unknown; one of {', '.join(DIALECTS)}")
    return "".join(f"{statement};\n\n" for statement in DIALECTS[dialect]())
