"""The schema as text."""

import pytest

from tracker.errors import ConfigError
from tracker.schema.dialects import DIALECTS, ddl


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_makes_events(dialect: str) -> None:
    assert "events\n(\n" in ddl(dialect)


def test_an_unknown_dialect_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="one of clickhouse"):
        ddl("oracle")
