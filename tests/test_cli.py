import subprocess
import sys
from pathlib import Path

import pytest

from tracker import __version__
from tracker.cli import NAMES, run


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


def test_sql_parameters_have_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == run(["sql", "--param", "x", "SELECT {x:Int8}"])
    assert "tracker: --param x: write NAME=VALUE\n" == capsys.readouterr().err
