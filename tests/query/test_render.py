import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tracker.query.failure import QueryFailed
from tracker.query.render import Statement, renderer, split_format

TABLE = pa.table({
    "n": [1, None],
    "text": ["a\tb", 'c"\n\\'],
    "at": [datetime(2026, 1, 31, 12, 0, 0, 5000, UTC), None],
    "day": [date(2026, 1, 31), None],
    "money": [Decimal("1.5000"), None],
    "flag": [True, False],
    "list": [["x", None], []],
})


def rendered(name: str, table: pa.Table = TABLE) -> bytes:
    return b"".join(renderer(name)(table))


@pytest.mark.parametrize(("name", "expected"), [
    ("TabSeparated",
     ("1\ta\\tb\t2026-01-31 12:00:00.005\t2026-01-31\t1.5000\ttrue\t[\"x\",null]\n"
     "\\N\tc\"\\n\\\\\t\\N\t\\N\t\\N\tfalse\t[]\n")),
    ("CSVWithNames",
     ('"n","text","at","day","money","flag","list"\n'
     '1,"a\tb","2026-01-31 12:00:00.005","2026-01-31",1.5000,true,"[""x"",null]"\n'
     '\\N,"c""\n\\",\\N,\\N,\\N,false,"[]"\n')),
    ("JSONEachRow",
     ('{"n":1,"text":"a\\tb","at":"2026-01-31 12:00:00.005","day":"2026-01-31","money":"1.5000",'
     '"flag":true,"list":["x",null]}\n'
     '{"n":null,"text":"c\\"\\n\\\\","at":null,"day":null,"money":null,"flag":false,"list":[]}\n')),
    ("PrettyCompact",
     ("┌────n─┬─text─┬─at──────────────────────┬─day────────┬──money─┬─flag──┬─list───────┐\n"
     "│    1 │ a b  │ 2026-01-31 12:00:00.005 │ 2026-01-31 │ 1.5000 │ true  │ [\"x\",null] │\n"
     "│ NULL │ c\" \\ │ NULL                    │ NULL       │   NULL │ false │ []         │\n"
     "└──────┴──────┴─────────────────────────┴────────────┴────────┴───────┴────────────┘\n")),
])
def test_each_format_looks_as_clients_know_it(name: str, expected: str) -> None:
    assert expected == rendered(name).decode()


def test_json_has_names_types_and_the_count() -> None:
    whole = json.loads(rendered("JSON"))
    compact = json.loads(rendered("jsoncompact"))

    assert {"name": "n", "type": "int64"} == whole["meta"][0]
    assert (2, 2) == (whole["rows"], compact["rows"])
    assert [list(row.values()) for row in whole["data"]] == compact["data"]


def test_binary_formats_are_read_back() -> None:
    assert TABLE == pa.ipc.open_file(rendered("Arrow")).read_all()
    assert TABLE == pa.ipc.open_stream(rendered("ArrowStream")).read_all()
    assert TABLE["text"] == parquet.read_table(io.BytesIO(rendered("Parquet")))["text"]


def test_many_rows_come_in_pieces_that_make_one_whole() -> None:
    table = pa.table({"n": list(range(10_001))})

    assert list(range(10_001)) == [row["n"] for row in json.loads(rendered("JSON", table))["data"]]
    assert 10_001 == rendered("TabSeparated", table).count(b"\n")
    assert rendered("PrettyCompact", table).endswith(b"  Showed first 10000.\n")


@pytest.mark.parametrize("name", ["JSON", "CSV", "PrettyCompact", "Arrow"])
def test_no_rows_are_no_error(name: str) -> None:
    rendered(name, TABLE.slice(0, 0))


def test_a_format_that_is_not_there_is_named() -> None:
    with pytest.raises(QueryFailed, match="Unknown format Protobuf"):
        renderer("Protobuf")


@pytest.mark.parametrize(("sql", "expected"), [
    ("SELECT 1", ("SELECT 1", "CSV")),
    ("SELECT 1 FORMAT JSON", ("SELECT 1", "JSON")),
    ("SELECT 1\nformat TSV ; ", ("SELECT 1", "TSV")),
    ("SELECT 'x FORMAT JSON'", ("SELECT 'x FORMAT JSON'", "CSV")),
])
def test_a_format_clause_is_taken_off(sql: str, expected: tuple[str, str]) -> None:
    assert Statement(*expected) == split_format(sql, "CSV")


def test_a_text_full_of_spaces_holds_nobody_up() -> None:
    """A pattern that tries every space again took the time with the square: an hour."""
    sql = "SELECT 1 FORMAT" + " " * (1 << 20) + "; x"

    assert Statement(sql, "CSV") == split_format(sql, "CSV")


@given(st.lists(st.text(), min_size=1))
def test_any_text_survives_csv(texts: list[str]) -> None:
    out = rendered("CSV", pa.table({"a": [text.replace("\r", "") for text in texts]})).decode()

    assert [text.replace("\r", "") for text in texts] == [
        row[0] for row in csv.reader(io.StringIO(out, newline=""))]
