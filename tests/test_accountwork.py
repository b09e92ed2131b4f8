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


def test_accounts_and_keys_are_changed_in_part(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "add", "shop", "--no-password", "--name", "The shop", "--host", "a.example")
    done(capsys, "key", "shop")
    key_id = done(capsys, "list", "shop")[1].splitlines()[1].split()[0]

    for words, line in (
            (("change", "shop", "--scope", "redirects"),
             'shop  on  redirects  "The shop"  hosts: a.example  no password'),
            (("change", "shop", "--any-host", "--name", "", "--expires", "2099-12-31"),
             "shop  on  redirects  until 2099-12-31T00:00:00.000Z  no password"),
            (("change", "shop", "--expires", "2020-01-01", "--host", "B.example"),
             ("shop  expired  redirects  hosts: b.example  until 2020-01-01T00:00:00.000Z"
              "  no password")),
            (("change", "shop", "--expires", "never", "--scope", "read"),
             "shop  on  read  hosts: b.example  no password"),
            (("change-key", key_id, "--name", "poster", "--expires", "2020-01-01"),
             (f'{key_id}  read  (its account has not: redirects)  "poster"'
              "  expired 2020-01-01T00:00:00.000Z")),
            (("change-key", key_id, "--scope", "read", "--expires", "never"),
             f'{key_id}  read  "poster"')):
        assert (0, line + "\n", "") == done(capsys, *words), words
    assert ["shop  on  read  hosts: b.example  no password", f'    {key_id}  read  "poster"'
            ] == done(capsys, "list")[1].splitlines()


def test_an_account_is_deleted_when_its_name_is_typed_again(
        capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for uid in ("anna", "bea"):
        done(capsys, "add", uid, "--no-password")
        done(capsys, "key", uid)
    done(capsys, "key", "bea")

    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    status, out, _ = done(capsys, "delete", "bea")
    assert (1, True) == (status, out.endswith("nothing was deleted\n"))
    assert "deletes the account bea, with its 2 keys, for good; its short links go on" in out
    assert "bea  on" in done(capsys, "list")[1]
    monkeypatch.setattr("sys.stdin", io.StringIO("bea\n"))
    status, out, _ = done(capsys, "delete", "bea")
    assert (0, True) == (status, out.endswith("account bea is deleted, with its 2 keys\n"))
    assert (0, "account anna is deleted, with its key\n", "") == done(
        capsys, "delete", "anna", "--yes")
    assert (0, "", "") == done(capsys, "list")


@pytest.mark.parametrize(("words", "said"), [
    (("change",), "name an account"), (("change-key",), "the id of a key"),
    (("delete",), "name an account"), (("change", "anna"), "say what: --scope"),
    (("change-key", "k1"), "say what: --scope"), (("delete", "nobody"), "no account nobody"),
    (("delete", "nobody", "--yes"), "no account nobody"), (("list", "nobody"), "no account nobody"),
    (("change", "nobody", "--name", "x"), "no account nobody"),
    (("change-key", "k1", "--name", "x"), "no key k1"),
    (("change", "a", "--host", "a.example", "--any-host"), "contradict"),
    (("disable", "a", "--expires", "2030-01-31"), "disable: takes no --expires; it goes with add"),
    (("revoke", "k1", "--yes"), "revoke: takes no --yes; it goes with delete"),
    (("key", "a", "--host", "a.example"), "key: takes no --host; it goes with add, change"),
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
