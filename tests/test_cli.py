import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tracker import __version__
from tracker.alone import alone
from tracker.batch import Manifest
from tracker.batches.deadletters import DeadLetter, DeadLetters
from tracker.batches.files import BatchFiles
from tracker.batches.identity import identity
from tracker.cli import NAMES, run
from tracker.delivery.cursor import Cursor
from tracker.hit import Hit, Route, Shape, encode_hit


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run([sys.executable, "-m", "tracker", "--version"], check=False,
                          capture_output=True, text=True, timeout=60)

    assert (0, f"tracker {__version__}\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", ["", *NAMES])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run([*command.split(), "--help"])

    assert 0 == left.value.code
    assert f"examples:\n  tracker {command}".rstrip() in capsys.readouterr().out


def test_a_command_that_is_not_understood_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(["schema", "burn"])

    assert 2 == left.value.code
    assert "invalid choice: 'burn'" in capsys.readouterr().err


def test_check_says_what_a_start_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"ProxyExceptHTTP": ":8880", "SchemaVersion": 3}')

    code = run(["check", "config.json"])

    out = capsys.readouterr().out
    assert 0 == code
    assert "listen   http://*:8880\n" in out
    assert "service  Notify chdb: on, as no other store is: embedded ClickHouse in " in out
    assert "warning  SchemaVersion: retired" in out


def test_check_fails_where_a_start_would(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"Notify": [{"Service": "clickhouse"}]}')

    code = run(["check"])

    assert 1 == code
    assert "REFUSED  Notify[0]: a ClickHouse server is not supported" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["serve"]])
def test_a_start_that_is_refused_says_why_without_a_traceback(
    command: list[str], capsys: pytest.CaptureFixture[str],
) -> None:
    Path("my.json").write_text('{"Debg": true}')

    code = run([*command, "my.json"])

    assert 1 == code
    assert ("", "tracker: my.json: Debg: unknown key; did you mean Debug?\n"
            ) == capsys.readouterr()


def test_a_traceback_is_printed_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == run(["check", "--debug", "gone.json"])

    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("tracker: gone.json: cannot be read: No such file or directory\n")


@pytest.mark.parametrize("arguments", [["--prune", "config.json"], ["serve", "--prune"]])
def test_prune_says_that_nothing_was_removed(
    arguments: list[str], capsys: pytest.CaptureFixture[str],
) -> None:
    assert 1 == run(arguments)
    assert "tracker: --prune: not in this version; no data was removed\n" == capsys.readouterr().err


def test_sql_needs_a_query_port(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"QueryPort": ""}')

    assert 1 == run(["sql", "SELECT 1"])
    assert capsys.readouterr().err.startswith("tracker: QueryPort is off")


@pytest.mark.parametrize(("arguments", "key", "option"), [
    (["sql", "SELECT 1"], "QueryPort", "--port"), (["client", "-q", "SELECT 1"], "QueryPort",
                                                    "--port"),
    (["status"], "ProxyExceptHTTP", "--url"),
])
def test_a_port_that_a_start_picks_must_be_named(
        arguments: list[str], key: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"QueryPort": ":0", "ProxyExceptHTTP": ":0"}')

    assert 1 == run(arguments)
    said = capsys.readouterr().err
    assert said.startswith(f"tracker: {key} is 0, so a start picks a free port")
    assert option in said


def test_sql_parameters_have_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == run(["sql", "--param", "x", "SELECT {x:Int8}"])
    assert "tracker: --param x: write NAME=VALUE\n" == capsys.readouterr().err


def test_replay_lists_shows_and_sends_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    dead = DeadLetters(tmp_path / "data" / "dead")
    dead.open(7)
    hit = Hit(b"0123456789abcdef", 0, Route.TR, "", b"POST / HTTP/1.1\r\n", b"{}", Shape.OBJECT, 1)
    dead.write(7, [DeadLetter("odd", 0, 0, encode_hit(hit))])

    assert 0 == run(["replay"])
    assert "batch 7: odd: 1\n" == capsys.readouterr().out
    assert 0 == run(["replay", "show", "7"])
    assert "POST / HTTP/1.1\r\n" == json.loads(capsys.readouterr().out)["head"]
    assert 0 == run(["replay", "7"])
    assert "events on their way again: 1\n" == capsys.readouterr().out
    assert 0 == run(["replay", "all"])
    assert "events on their way again: 0\n" == capsys.readouterr().out
    assert 1 == run(["replay", "7"])
    assert "no dead letters of batch 7" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "says"), [
    (["seven"], '"seven" is no batch'),
    (["--store", "chdb"], "--store NAME and --since TIME go together"),
    (["--store", "nats", "--since", "2026-01-01"], '"nats" is none of this config: chdb'),
    (["--store", "chdb", "--since", "noon"], "--since noon: write 2026-01-31T00:00:00Z"),
])
def test_replay_says_what_it_does_not_understand(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str],
) -> None:
    assert 1 == run(["replay", *arguments])
    assert says in capsys.readouterr().err


def test_batches_that_are_kept_land_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "data"
    files = BatchFiles(data / "batches")
    files.open()
    for n in (1, 2, 3):
        moment = n * 10**18
        files.seal(Manifest("s", n, moment, {}, 0, 0, 0, 0, 0, {}, {}, moment, moment, 0, {}),
                   pa.table({"a": [n]}))
    sequencer = identity(data / "batches").sequencer
    Cursor(data / "cursors" / "chdb.json", sequencer, 1).advance(3, 30)

    assert 0 == run(["replay", "--store", "chdb", "--since", "2033-05-18T03:33:20Z"])

    assert "batches that the next start lands in chdb again: 2\n" == capsys.readouterr().out
    assert 1 == Cursor(data / "cursors" / "chdb.json", sequencer, 1).landed
    with alone(data):
        assert 1 == run(["replay", "--store", "chdb", "--since", "2026-01-01"])
    assert f"a tracker uses {data}: stop it" in capsys.readouterr().err
    assert 1 == run(["replay", "--store", "chdb", "--since", "2099-01-01"])
    assert "no batch sealed since 2099-01-01T00:00:00+00:00 is kept" in (
        capsys.readouterr().err)


@pytest.mark.parametrize("store", ["chdb", "duckdb"])
def test_schema_prints_statements(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["schema", "ddl", "--store", store])

    out = capsys.readouterr().out
    assert "CREATE TABLE IF NOT EXISTS" in out
    assert out.endswith(";\n")


def test_schema_is_applied_and_shown_without_a_start(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    said = [subprocess.run([sys.executable, "-m", "tracker", "schema", action], check=False,
                           capture_output=True, text=True, timeout=120)
            for action in ("show", "apply", "apply", "show")]

    assert [0, 0, 0, 0] == [done.returncode for done in said]
    before, applied, again, after = (done.stdout for done in said)
    assert "1  pending" in before
    assert "CREATE TABLE IF NOT EXISTS sfpla.events" in applied
    assert "it is up to date\n" == again
    assert "pending" not in after


def apart(*arguments: str, typed: str = "") -> tuple[int, str]:
    """A command in a process of its own, as one process has one engine; exit code and output."""
    done = subprocess.run([sys.executable, "-m", "tracker", *arguments], check=False, input=typed,
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def test_schema_is_made_verified_and_dropped() -> None:
    Path("config.json").write_text("{}")
    Path("data").mkdir()

    code, said = apart("schema", "verify")
    assert (1, True) == (code, "WRONG  events " in said)
    assert 0 == apart("schema", "apply")[0]
    code, said = apart("schema", "verify")
    assert 0 == code
    assert re.search(r"ok     events +ReplacingMergeTree +0 rows\n", said)
    assert 0 == apart("schema", "drop", "--yes")[0]
    assert 1 == apart("schema", "verify")[0]


DIFFER = """
from pathlib import Path
from tracker.stores.statements import Statements
with Statements(Path("data/chdb")) as database:
    database.execute("ALTER TABLE sfpla.logs DROP COLUMN topic")
    database.execute("ALTER TABLE sfpla.logs MODIFY COLUMN name String")
    database.execute("CREATE TABLE sfpla.mine (a Int8) ENGINE = MergeTree ORDER BY a")
"""


def test_a_difference_from_what_is_declared_is_named() -> None:
    Path("data").mkdir()
    apart("schema", "apply")
    subprocess.run([sys.executable, "-c", DIFFER], check=True, timeout=60)

    code, said = apart("schema", "verify")
    wrong = [line for line in said.splitlines() if line.startswith("WRONG")]
    assert 1 == code
    assert ["lacks topic; name is String instead of LowCardinality(String)",
            "not ours: nothing writes or reads it"] == [line[77:].strip() for line in wrong]


def test_drop_asks_first() -> None:
    Path("data").mkdir()

    code, said = apart("schema", "drop", typed="yes\n")
    assert (1, True) == (code, said.endswith("nothing was removed\n"))


@pytest.mark.parametrize("words", [["--param_v=x"], ["--param_v", "x"]])
def test_client_takes_parameters_of_any_name(words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(SystemExit):
        run(["client", *words, "--nonsense"])
    assert 2 == run(["client", *words, "-q", "SELECT {v:String}", "--port", str(port)])


def test_client_knows_one_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == run(["client", "-u", "root", "-q", "SELECT 1"])
    assert "tracker: --user root: the user is `default`" in capsys.readouterr().err


def test_an_answer_that_fails_leaves_no_file() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    assert 2 == run(["sql", "--port", str(port), "--output", "a.csv", "SELECT 1"])
    assert [] == list(Path().glob("a.csv*"))
