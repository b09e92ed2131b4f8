"""What `tracker account` does: by the tracker that runs, else on the registry itself."""

import argparse
import asyncio
import getpass
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, TextIO

import msgspec

from tracker.alone import alone
from tracker.errors import ConfigError, RequestRefused, TrackerError
from tracker.places import Places
from tracker.registry.caller import Caller
from tracker.registry.calls import (
    UNSET,
    AddAccount,
    AddKey,
    Call,
    ChangeAccount,
    ChangeKey,
    DropAccount,
    DropKey,
    ListAccounts,
)
from tracker.registry.links import moment
from tracker.registry.office import Office
from tracker.settings import Settings

_DEFAULT_SCOPES: Final = ("redirects", "read")
_TAKES: Final = {
    "add": ("--scope", "--host", "--name", "--expires", "--no-password"),
    "change": ("--scope", "--host", "--any-host", "--name", "--expires", "--no-password"),
    "delete": ("--yes",),
    "key": ("--scope", "--name", "--expires"),
    "change-key": ("--scope", "--name", "--expires"),
}
"""The options of each action; of one that is not here, none."""

_OPTIONS: Final = tuple(dict.fromkeys(option for taken in _TAKES.values() for option in taken))
_OF_KEYS: Final = ("change-key", "revoke")


def account(parsed: argparse.Namespace, settings: Settings) -> int:
    """Do one action and print what came of it; 1 when it was called off."""
    call = _call(parsed)
    if isinstance(call, DropAccount) and not parsed.yes and not _is_sure(call.uid, settings):
        print("nothing was deleted")
        return 1
    value = _do(call, settings)
    match call:
        case ListAccounts():
            for line in _listed(value, parsed.who):
                print(line)
        case AddAccount():
            print(f"account {value['uid']}: {' '.join(value['scopes'])}")
        case DropAccount():
            print(f"account {value['uid']} is deleted{_with_keys(value)}")
        case AddKey():
            print(f"key {value['id']} of {value['uid']}: {' '.join(value['scopes'])}",
                  file=sys.stderr)
            print("It is shown this once; keep it where only its user can read it:",
                  file=sys.stderr)
            print(value["key"])
        case ChangeKey():
            print(_key(value))
        case DropKey():
            print(f"key {value['id']} is no longer taken")
        case _ if parsed.action == "change":
            print(_account(value))
        case _:
            print(f"account {value['uid']}: {_state(value)}")
    return 0


def _call(parsed: argparse.Namespace) -> Call:
    given = _given(parsed)
    if parsed.action in ("change", "change-key") and parsed.who and not given:
        raise ConfigError(f"account {parsed.action}: say what:"
                          f" {', '.join(_TAKES[parsed.action])}")
    return _CALLS[parsed.action](parsed)


def _add(parsed: argparse.Namespace) -> AddAccount:
    uid = parsed.who or str(uuid.uuid4())
    password = "" if parsed.no_password else read_password(sys.stdin)
    return AddAccount(uid, password, tuple(parsed.scope) or _DEFAULT_SCOPES, parsed.name or "",
                      tuple(parsed.host), _moment(parsed.expires))


def _change(parsed: argparse.Namespace) -> ChangeAccount:
    if parsed.any_host and parsed.host:
        raise ConfigError("account change: --any-host and --host contradict each other")
    return ChangeAccount(
        _named(parsed), password="" if parsed.no_password else UNSET,
        scopes=tuple(parsed.scope) or UNSET,
        hosts=() if parsed.any_host else tuple(parsed.host) or UNSET,
        name=UNSET if parsed.name is None else parsed.name,
        expires=UNSET if parsed.expires is None else _moment(parsed.expires))


def _change_key(parsed: argparse.Namespace) -> ChangeKey:
    return ChangeKey(_named(parsed), tuple(parsed.scope) or UNSET,
                     UNSET if parsed.name is None else parsed.name,
                     UNSET if parsed.expires is None else _moment(parsed.expires))


def _key_for(parsed: argparse.Namespace) -> AddKey:
    return AddKey(_named(parsed), tuple(parsed.scope), parsed.name or "", _moment(parsed.expires))


_CALLS: Final[dict[str, Callable[[argparse.Namespace], Call]]] = {
    "list": lambda _: ListAccounts(),
    "add": _add,
    "change": _change,
    "password": lambda parsed: ChangeAccount(_named(parsed), password=read_password(sys.stdin)),
    "disable": lambda parsed: ChangeAccount(_named(parsed), disabled=True),
    "enable": lambda parsed: ChangeAccount(_named(parsed), disabled=False),
    "delete": lambda parsed: DropAccount(_named(parsed)),
    "key": _key_for,
    "change-key": _change_key,
    "revoke": lambda parsed: DropKey(_named(parsed)),
}


def _given(parsed: argparse.Namespace) -> list[str]:
    """The options that were given; raises `ConfigError` where one says nothing to the action."""
    given = [option for option in _OPTIONS
             if getattr(parsed, option[2:].replace("-", "_")) not in (None, [], False)]
    for option in given:
        if option not in _TAKES.get(parsed.action, ()):
            takers = ", ".join(action for action, taken in _TAKES.items() if option in taken)
            raise ConfigError(f"account {parsed.action}: takes no {option}; it goes with {takers}")
    return given


def _named(parsed: argparse.Namespace) -> str:
    if not parsed.who:
        what = ("the id of a key, as `tracker account list` tells"
                if parsed.action in _OF_KEYS else "an account")
        raise ConfigError(f"account {parsed.action}: name {what}")
    return str(parsed.who)


def _moment(text: str | None) -> int | None:
    if text == "never":
        return None
    try:
        return moment(text)
    except RequestRefused:
        raise ConfigError(f"--expires {text}: write 2026-12-31, 2026-12-31T23:59:59Z or never"
                          ) from None


def read_password(source: TextIO) -> str:
    """A password: asked for twice at a terminal, else the first line of `source`."""
    if not source.isatty():
        password = source.readline().rstrip("\r\n")
        if not password:
            raise ConfigError("the password is missing: type it, or give it by standard input")
        return password
    password = getpass.getpass("password: ")
    if password != getpass.getpass("again: "):
        raise ConfigError("the two passwords differ; nothing was changed")
    return password


def _is_sure(uid: str, settings: Settings) -> bool:
    """Whether who deletes an account says so again, knowing what goes."""
    value = _of(_do(ListAccounts(), settings), uid)
    print(f"This deletes the account {uid}{_with_keys(value)}, for good; its short links go on."
          f" Type {uid} to go on: ", end="", flush=True)
    return sys.stdin.readline().strip() == uid


def _do(call: Call, settings: Settings) -> Any:
    """The answer of the tracker that runs, else of an office of our own."""
    data, places = settings.data_directory, Places(settings.data_directory)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(alone(data))
        except TrackerError:
            if not places.calls.exists():
                raise
            told = asyncio.run(Caller(places).ask(call))
        else:
            told = asyncio.run(_take(call, places, settings))
    return msgspec.json.decode(told.value)


async def _take(call: Call, places: Places, settings: Settings) -> Any:
    office = Office(places, settings.intake, token=b"")
    try:
        return await office.take(call)
    finally:
        office.close()


# In words.


def _listed(accounts: list[dict[str, Any]], who: str | None) -> Iterator[str]:
    """All accounts with their keys, or the one of `who`."""
    for one in accounts if who is None else [_of(accounts, who)]:
        yield _account(one)
        for key in one["keys"]:
            yield f"    {_key(key)}"


def _of(accounts: list[dict[str, Any]], uid: str) -> dict[str, Any]:
    for one in accounts:
        if one["uid"] == uid:
            return one
    raise ConfigError(f"There is no account {uid}.")


def _account(one: dict[str, Any]) -> str:
    words = [one["uid"], _state(one), " ".join(one["scopes"])]
    if one["name"]:
        words.append(f'"{one["name"]}"')
    if one["hosts"]:
        words.append("hosts: " + " ".join(one["hosts"]))
    if one["expires"]:
        words.append("until " + one["expires"])
    if not one["password"]:
        words.append("no password")
    return "  ".join(words)


def _state(one: dict[str, Any]) -> str:
    return "off" if one["disabled"] else "expired" if one["expired"] else "on"


def _key(key: dict[str, Any]) -> str:
    words = [key["id"], " ".join(key["scopes"]) or "no scope"]
    if key["held_back"]:
        words.append(f"(its account has not: {' '.join(key['held_back'])})")
    if key["name"]:
        words.append(f'"{key["name"]}"')
    if key["expires"]:
        words.append(("expired " if key["expired"] else "until ") + key["expires"])
    return "  ".join(words)


def _with_keys(one: dict[str, Any]) -> str:
    number = len(one["keys"])
    return "" if not number else f", with its {number} keys" if number > 1 else ", with its key"
