"""Accounts at a shell, with and without a tracker that runs."""

import io
import json
from pathlib import Path

import pytest

from harness.process import running
from tracker.accountwork import read_password
from tracker.cli import run
from tracker.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text("{}")


def done(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = run(["account", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_accounts_and_keys_are_made_without_a_tracker(
        capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\nsecond line\n"))
    assert (0, "account anna: read redirects\n", "") == done(capsys, "add", "anna")
    assert (0, "account shop: redirects\n", "") == done(
        capsys, "add", "shop", "--no-password", "--scope", "redirects", "--host", "Go.Example",
        "--expires", "2030-01-31", "--name", "The shop")
    status, key, said = done(capsys, "key", "shop", "--name", "poster")
    assert (0, "trk_") == (status, key[:4])
    key_id = said.split()[1]

    status, listed, _ = done(capsys, "list")
    assert [
        "anna  on  read redirects",
        ('shop  on  redirects  "The shop"  hosts: go.example  until 2030-01-31T00:00:00.000Z'
        "  no password"), f'    {key_id}  redirects  "poster"'] == listed.splitlines()
    assert "correct horse" not in listed
    assert 0 == done(capsys, "disable", "shop")[0]
    assert 0 == done(capsys, "revoke", key_id)[0]
    assert "shop  off" in done(capsys, "list")[1]
    assert key_id not in done(capsys, "list")[1]


@pytest.mark.parametrize(("words", "said"), [
    (("disable",), "name an account"), (("revoke",), "the id of a key"),
    (("disable", "nobody"), "no account nobody"), (("key", "nobody"), "no account nobody"),
    (("revoke", "k1"), "no key k1"), (("add", "a b", "--no-password"), "letters, digits"),
    (("add", "a", "--no-password", "--expires", "soon"), "2026-12-31"),
    (("add", "a"), "password is missing"),
])
def test_what_cannot_be_is_refused_in_words(
        capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
        words: tuple[str, ...], said: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    status, out, errors = done(capsys, *words)

    assert (1, "") == (status, out)
    assert said in errors


def test_a_password_is_asked_for_twice_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for answers in (["one", "one"], ["one", "two"]):
        given = list(answers)
        monkeypatch.setattr("getpass.getpass", lambda _, given=given: given.pop(0))
        if answers[0] == answers[1]:
            assert "one" == read_password(Terminal())
        else:
            with pytest.raises(ConfigError, match="differ"):
                read_password(Terminal())


@pytest.mark.server
def test_a_running_tracker_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path) as tracker:
        assert 0 == done(capsys, "add", "anna", "--no-password")[0]
        key = done(capsys, "key", "anna")[1].strip()
        status, _, body = tracker.request("GET", "/tr/v1/rpi/redirects/go.example", None,
                                          {"Authorization": f"Bearer {key}"})
        assert (200, {"results": []}) == (status, json.loads(body))
        listed = done(capsys, "list")
        assert (0, "anna  on  read redirects  no password") == (
            listed[0], listed[1].partition("\n")[0])
        tracker.stop()
    assert listed == done(capsys, "list")
