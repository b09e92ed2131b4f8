"""Accounts and their keys in the registry; for the one who writes."""

import re
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tracker.errors import RequestRefused
from tracker.registry.calls import SCOPES
from tracker.registry.links import Actor, text_of
from tracker.registry.passwords import hash_key, new_key
from tracker.registry.rules import host_of

_UID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_NAME_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class Holder:
    """An account as a request finds it; `scopes` are those of the key where one was shown."""

    uid: str
    password: str
    scopes: frozenset[str]
    hosts: frozenset[str]

    def __repr__(self) -> str:
        return f"Holder({self.uid})"

    def may(self, scope: str) -> bool:
        """Whether what needs `scope` is allowed."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def actor(self) -> Actor:
        """Whom changes are written down for."""
        return Actor(self.uid, self.hosts)


class Accounts:
    """The tables of accounts and keys. Changes work within a transaction of the caller's."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def by_uid(self, uid: str, now: int) -> Holder | None:
        """An account that is switched on and has not expired."""
        return self._holder("uid = ?", (uid,), now)

    def by_key(self, key: str, now: int) -> Holder | None:
        """The account of a key, neither of them expired; its scopes are those of both."""
        found = self._database.execute("SELECT uid, scopes, expires FROM keys WHERE hash = ?",
                                       (hash_key(key),)).fetchone()
        if found is None or (found[2] is not None and found[2] <= now):
            return None
        holder = self.by_uid(found[0], now)
        if holder is None:
            return None
        scopes = frozenset(found[1].split())
        both = scopes if "admin" in holder.scopes else scopes & holder.scopes
        return Holder(holder.uid, "", both, holder.hosts)

    def _holder(self, where: str, values: tuple[object, ...], now: int) -> Holder | None:
        found = self._database.execute(
            f"SELECT uid, password, scopes, hosts FROM accounts WHERE {where} AND NOT disabled"  # noqa: S608 - our own text
            " AND (expires IS NULL OR expires > ?)", (*values, now)).fetchone()
        if found is None:
            return None
        uid, password, scopes, hosts = found
        return Holder(uid, password, frozenset(scopes.split()), frozenset(hosts.split()))

    def add(self, uid: str, password: str, name: str, scopes: Iterable[str],
            hosts: Iterable[str], expires: int | None, now: int) -> dict[str, Any]:
        """A new account; `password` is hashed already, "" is none. Raises `RequestRefused`."""
        if _UID.fullmatch(uid) is None:
            raise _refused("uid", "must be 1 to 100 letters, digits and . _ @ + -, the first a"
                           " letter or digit")
        row = (uid, _named(name), password, _scopes(scopes),
               " ".join(sorted({host_of(host) for host in hosts})), 0, expires, now)
        try:
            self._database.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise RequestRefused(409, "account_exists", f"There is an account {uid} already.",
                                 "uid") from None
        return self._one(uid)

    def change(self, uid: str, disabled: bool | None, password: str | None) -> dict[str, Any]:
        """Switch an account off or on, or set its password (hashed already)."""
        self._one(uid)
        if disabled is not None:
            self._database.execute("UPDATE accounts SET disabled = ? WHERE uid = ?",
                                   (int(disabled), uid))
        if password is not None:
            self._database.execute("UPDATE accounts SET password = ? WHERE uid = ?",
                                   (password, uid))
        return self._one(uid)

    def add_key(self, uid: str, scopes: Iterable[str], name: str, expires: int | None,
                now: int) -> dict[str, Any]:
        """A new key of an account. The answer holds it, and nothing else ever does."""
        account = self._one(uid)
        given = tuple(scopes) or tuple(account["scopes"])
        beyond = set(given) - set(account["scopes"])
        if beyond and "admin" not in account["scopes"]:
            raise _refused("scopes", f"of a key cannot be more than those of its account, which"
                           f" has not {min(beyond)}")
        key, key_id = new_key(), "k" + secrets.token_hex(4)
        self._database.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)",
                               (key_id, hash_key(key), uid, _named(name), _scopes(given), expires,
                                now))
        return {"id": key_id, "key": key, "uid": uid, "scopes": _scopes(given).split()}

    def drop_key(self, key_id: str) -> dict[str, Any]:
        """Take a key away."""
        if self._database.execute("DELETE FROM keys WHERE id = ?", (key_id,)).rowcount == 0:
            raise RequestRefused(404, "key_not_found", f"There is no key {key_id[:100]}.", "id")
        return {"id": key_id}

    def all(self) -> list[dict[str, Any]]:
        """Every account with its keys, without secrets."""
        return [self._one(uid) for (uid,) in self._database.execute(
            "SELECT uid FROM accounts ORDER BY uid").fetchall()]

    def _one(self, uid: str) -> dict[str, Any]:
        found = self._database.execute(
            "SELECT name, password, scopes, hosts, disabled, expires, created FROM accounts"
            " WHERE uid = ?", (uid,)).fetchone()
        if found is None:
            raise RequestRefused(404, "account_not_found", f"There is no account {uid[:100]}.",
                                 "uid")
        name, password, scopes, hosts, disabled, expires, created = found
        keys = self._database.execute("SELECT id, name, scopes, expires, created FROM keys"
                                      " WHERE uid = ? ORDER BY created, id", (uid,)).fetchall()
        return {
            "uid": uid, "name": name, "password": bool(password), "scopes": scopes.split(),
            "hosts": hosts.split(), "disabled": bool(disabled), "expires": _text(expires),
            "created_at": text_of(created),
            "keys": [{"id": key_id, "name": label, "scopes": own.split(), "expires": _text(until),
                      "created_at": text_of(made)} for key_id, label, own, until, made in keys],
        }


def _text(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else text_of(milliseconds)


def _scopes(scopes: Iterable[str]) -> str:
    given = set(scopes)
    for scope in given:
        if scope not in SCOPES:
            raise _refused("scopes", f"has no {scope[:100]}; there are {', '.join(SCOPES)}")
    if not given:
        raise _refused("scopes", f"is empty; there are {', '.join(SCOPES)}")
    return " ".join(sorted(given))


def _named(name: str) -> str:
    if len(name.encode("utf-8", "replace")) > _NAME_BYTES or not name.isprintable():
        raise _refused("name", f"may have {_NAME_BYTES} printable bytes")
    return name


def _refused(field: str, what: str) -> RequestRefused:
    return RequestRefused(400, "account_refused", f"`{field}` {what}.", field)
