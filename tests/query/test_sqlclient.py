"""`tracker sql` asks the endpoint and says clearly what went wrong."""

import io
import re
import socket

import pytest

from query.asking import Served
from tracker.sqlclient import FAILED, OK, UNREACHABLE, run_sql


def run(served: Served, sql: str, fmt: str | None = None, **params: str) -> tuple[int, str]:
    out = io.BytesIO()
    code = run_sql("127.0.0.1", served.port, "", sql, fmt, out, params)
    return code, out.getvalue().decode()


def test_statements_are_asked_one_after_the_other(served: Served) -> None:
    assert (OK, "1\n;\n3\n") == run(served, "SELECT 1; SELECT ';' -- ;\n;; SELECT 3;")


def test_parameters_are_filled_in_as_they_are(served: Served) -> None:
    assert (OK, "5\t3\n") == run(served, "SELECT length({a:String}), {b:UInt8} + 1",
                                 a="a\t\\\nb", b="2")


@pytest.mark.parametrize(("fmt", "expected"), [
    ("csv", '"a"\n1\n'), ("CSV", "1\n"), ("jsonl", '{"a":1}\n'), ("tsv", "1\n"), (None, "1\n"),
    ("table", "   ┌─a─┐\n1. │ 1 │\n   └───┘\n"),
])
def test_formats_have_short_names(served: Served, fmt: str | None, expected: str) -> None:
    assert (OK, expected) == run(served, "SELECT 1 AS a", fmt)


def test_text_goes_to_a_text_stream_too(served: Served) -> None:
    out = io.StringIO()

    assert OK == run_sql("127.0.0.1", served.port, "", "SELECT 'ü'", None, out, {})
    assert "ü\n" == out.getvalue()


def test_a_refused_statement_ends_the_run(served: Served,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    assert (FAILED, "1\n") == run(served, "SELECT 1; DROP TABLE x; SELECT 3")
    assert "Code: 164" in capsys.readouterr().err


def test_an_error_behind_a_part_of_the_answer_is_told(served: Served,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(served, "SELECT throwIf(number = 3000000) FROM numbers(9000000)")

    assert FAILED == code
    assert text.startswith("0\n0\n")
    assert capsys.readouterr().err.startswith("Code: 395")


def test_a_tracker_that_does_not_run_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert UNREACHABLE == run_sql("127.0.0.1", port, "", "SELECT 1", None, io.BytesIO(), {})
    assert f"nothing listens at 127.0.0.1:{port}: start the tracker" in capsys.readouterr().err


def test_a_table_is_not_drawn_in_binary_on_a_terminal() -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    assert FAILED == run_sql("127.0.0.1", 1, "", "SELECT 1", "parquet", Terminal(), {})


class Terminal(io.StringIO):
    """Where people look."""

    def isatty(self) -> bool:
        return True


def test_a_long_query_says_how_far_it_is(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)

    assert (OK, "0\n") == run(
        served, "SELECT count() FROM numbers(40) WHERE sleepEachRow(0.05)"
                " SETTINGS max_block_size = 1")

    assert re.search(r"\r\x1b\[K1 s, \d+ rows read of 40 \(\d+%\), [^,]+, Ctrl-C stops it",
                     shown.getvalue())
    assert shown.getvalue().endswith("\r\x1b[K")


def test_a_short_query_says_nothing_of_itself(served: Served,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)

    assert (OK, "1\n") == run(served, "SELECT 1")
    assert "" == shown.getvalue()
