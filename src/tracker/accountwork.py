"""What `tracker account` does: by the tracker that runs, else on the registry itself."""

import argparse
import asyncio
import getpass
import sys
import uuid
from contextlib import ExitStack
from typing import Any, Final, TextIO

import msgspec

from tracker.alone import alone
from tracker.errors import ConfigError, RequestRefused, TrackerError
from tracker.places import Places
from tracker.registry.caller import Caller
from tracker.registry.calls import (
    AddAccount,
    AddKey,
    Call,
    ChangeAccount,
    DropKey,
    ListAccounts,
)
from tracker.registry.links import moment
from tracker.registry.office import Office
from tracker.settings import Settings

_DEFAULT_SCOPES: Final = ("redirects", "read")


def account(parsed: argparse.Namespace, settings: Settings) -> int:
    """Do one action and print what came of it."""
    call = _call(parsed)
    value = _do(call, settings)
    match call:
        case ListAccounts():
            for line in _listed(value):
                print(line)
        case AddAccount():
            print(f"account {value['uid']}: {' '.join(value['scopes'])}")
        case AddKey():
            print(f"key {value['id']} of {value['uid']}: {' '.join(value['scopes'])}",
                  file=sys.stderr)
            print("It is shown this once; keep it where only its user can read it:",
                  file=sys.stderr)
            print(value["key"])
        case DropKey():
            print(f"key {value['id']} is no longer taken")
        case _:
            print(f"account {value['uid']}: " + ("off" if value["disabled"] else "on"))
    return 0


def _call(parsed: argparse.Namespace) -> Call:
    scopes, expires = tuple(parsed.scope), _moment(parsed.expires)
    match parsed.action:
        case "list":
            return ListAccounts()
        case "add":
            uid = parsed.who or str(uuid.uuid4())
            password = "" if parsed.no_password else read_password(sys.stdin)
            return AddAccount(uid, password, scopes or _DEFAULT_SCOPES, parsed.name,
                              tuple(parsed.host), expires)
        case "revoke":
            return DropKey(_named(parsed, "the id of a key, as `tracker account list` tells"))
    uid = _named(parsed, "an account")
    match parsed.action:
        case "password":
            return ChangeAccount(uid, password=read_password(sys.stdin))
        case "key":
            return AddKey(uid, scopes, parsed.name, expires)
        case action:
            return ChangeAccount(uid, disabled=action == "disable")


def _named(parsed: argparse.Namespace, what: str) -> str:
    if not parsed.who:
        raise ConfigError(f"account {parsed.action}: name {what}")
    return str(parsed.who)


def _moment(text: str | None) -> int | None:
    try:
        return moment(text)
    except RequestRefused:
        raise ConfigError(f"--expires {text}: write 2026-12-31 or 2026-12-31T23:59:59Z") from None


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


def _listed(accounts: list[dict[str, Any]]) -> list[str]:
    lines = []
    for one in accounts:
        words = [one["uid"], "off" if one["disabled"] else "on", " ".join(one["scopes"])]
        if one["name"]:
            words.append(f'"{one["name"]}"')
        if one["hosts"]:
            words.append("hosts: " + " ".join(one["hosts"]))
        if one["expires"]:
            words.append("until " + one["expires"])
        if not one["password"]:
            words.append("no password")
        lines.append("  ".join(words))
        for key in one["keys"]:
            about = [f"    {key['id']}", " ".join(key["scopes"])]
            about += [f'"{key["name"]}"'] if key["name"] else []
            about += ["until " + key["expires"]] if key["expires"] else []
            lines.append("  ".join(about))
    return lines
