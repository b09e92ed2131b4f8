"""SQL is cut into pieces that are all of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.query.tokens import Kind, plain_name, statements, tokens

SQL = st.text(alphabet=st.sampled_from(list("aé1'\"`\\$-/*#;(). \n")), max_size=40) | st.text()


@given(SQL)
def test_the_pieces_joined_are_the_sql(sql: str) -> None:
    assert sql == "".join(token.text for token in tokens(sql))


@given(SQL)
def test_statements_hold_nothing_that_was_not_there(sql: str) -> None:
    for statement in statements(sql):
        assert statement in sql


@pytest.mark.parametrize(("script", "expected"), [
    ("", []),
    (" ; -- nothing; \n ;", []),
    ("SELECT 1", ["SELECT 1"]),
    ("SELECT 1;", ["SELECT 1"]),
    ("SELECT 1; SELECT ';' ; SELECT `a;b`", ["SELECT 1", "SELECT ';'", "SELECT `a;b`"]),
    ("SELECT 1 -- a; b\n; SELECT 2 /* ; */", ["SELECT 1 -- a; b", "SELECT 2 /* ; */"]),
    ("SELECT 'it\\';'; SELECT 'it'';'", ["SELECT 'it\\';'", "SELECT 'it'';'"]),
    ("SELECT $x$ ; $x$; SELECT 2", ["SELECT $x$ ; $x$", "SELECT 2"]),
])
def test_a_script_is_cut_at_semicolons_outside_of_text(script: str, expected: list[str]) -> None:
    assert expected == list(statements(script))


@pytest.mark.parametrize(("written", "name"), [
    ("abc", "abc"), ("`abc`", "abc"), ('"a""b"', 'a"b'), ("`a\\`b`", "a`b"), ("`a``b`", "a`b"),
])
def test_a_quoted_name_is_read_without_its_quotes(written: str, name: str) -> None:
    (token,) = tokens(written)

    assert token.kind in {Kind.WORD, Kind.NAME}
    assert name == plain_name(token)
