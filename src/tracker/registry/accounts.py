"""Accounts and their keys in the registry; for the one who writes."""

import re
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tracker.errors import RequestRefused
from tracker.registry.calls import SCOPES, UNSET, ChangeAccount, ChangeKey, Unset
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
        scopes = _allowed(found[1].split(), holder.scopes)
        return Holder(holder.uid, "", scopes, holder.hosts)

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
        row = (uid, _named(name), password, _scopes(scopes), _hosts(hosts), 0, expires, now)
        try:
            self._database.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise RequestRefused(409, "account_exists", f"There is an account {uid} already.",
                                 "uid") from None
        return self._one(uid, now)

    def change(self, wanted: ChangeAccount, password: str | Unset, now: int) -> dict[str, Any]:
        """Change what is named; `password` is hashed already, "" is none."""
        self._one(wanted.uid, now)
        self._set("accounts", "uid", wanted.uid, {
            "disabled": wanted.disabled if wanted.disabled is UNSET else int(wanted.disabled),
            "password": password, "expires": wanted.expires,
            "scopes": wanted.scopes if wanted.scopes is UNSET else _scopes(wanted.scopes),
            "hosts": wanted.hosts if wanted.hosts is UNSET else _hosts(wanted.hosts),
            "name": wanted.name if wanted.name is UNSET else _named(wanted.name)})
        return self._one(wanted.uid, now)

    def drop(self, uid: str, now: int) -> dict[str, Any]:
        """Delete an account and its keys, and give back what it was."""
        told = self._one(uid, now)
        self._database.execute("DELETE FROM keys WHERE uid = ?", (uid,))
        self._database.execute("DELETE FROM accounts WHERE uid = ?", (uid,))
        return told

    def add_key(self, uid: str, scopes: Iterable[str], name: str, expires: int | None,
                now: int) -> dict[str, Any]:
        """A new key of an account. The answer holds it, and nothing else ever does."""
        account = self._one(uid, now)
        given = tuple(scopes) or tuple(account["scopes"])
        _hold_within(given, account)
        key, key_id = new_key(), "k" + secrets.token_hex(4)
        self._database.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)",
                               (key_id, hash_key(key), uid, _named(name), _scopes(given), expires,
                                now))
        return {"id": key_id, "key": key, "uid": uid, "scopes": _scopes(given).split()}

    def change_key(self, wanted: ChangeKey, now: int) -> dict[str, Any]:
        """Change what is named of a key."""
        account = self._of_key(wanted.id, now)
        if wanted.scopes is not UNSET:
            _hold_within(wanted.scopes, account)
        self._set("keys", "id", wanted.id, {
            "scopes": wanted.scopes if wanted.scopes is UNSET else _scopes(wanted.scopes),
            "name": wanted.name if wanted.name is UNSET else _named(wanted.name),
            "expires": wanted.expires})
        keys = self._of_key(wanted.id, now)["keys"]
        return {"uid": account["uid"], **next(key for key in keys if key["id"] == wanted.id)}

    def drop_key(self, key_id: str) -> dict[str, Any]:
        """Take a key away."""
        if self._database.execute("DELETE FROM keys WHERE id = ?", (key_id,)).rowcount == 0:
            raise _no_key(key_id)
        return {"id": key_id}

    def all(self, now: int) -> list[dict[str, Any]]:
        """Every account with its keys, without secrets."""
        return [self._one(uid, now) for (uid,) in self._database.execute(
            "SELECT uid FROM accounts ORDER BY uid").fetchall()]

    def _set(self, table: str, key: str, value: str, columns: dict[str, object]) -> None:
        named = {name: new for name, new in columns.items() if new is not UNSET}
        if named:
            self._database.execute(
                f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in named)}"  # noqa: S608 - our own names
                f" WHERE {key} = ?", (*named.values(), value))

    def _of_key(self, key_id: str, now: int) -> dict[str, Any]:
        found = self._database.execute("SELECT uid FROM keys WHERE id = ?", (key_id,)).fetchone()
        if found is None:
            raise _no_key(key_id)
        return self._one(found[0], now)

    def _one(self, uid: str, now: int) -> dict[str, Any]:
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
            "hosts": hosts.split(), "disabled": bool(disabled), **_end(expires, now),
            "created_at": text_of(created),
            "keys": [{"id": key_id, "name": label, **_shares(own.split(), scopes.split()),
                      **_end(until, now), "created_at": text_of(made)}
                     for key_id, label, own, until, made in keys],
        }


def _allowed(scopes: Iterable[str], account: Collection[str]) -> frozenset[str]:
    """What a key with `scopes` may while its account has those of `account`."""
    own = frozenset(scopes)
    if "admin" in account:
        return own
    return frozenset(account) if "admin" in own else own & frozenset(account)


def _shares(scopes: Sequence[str], account: Sequence[str]) -> dict[str, list[str]]:
    """The scopes of a key that hold, and those that its account has not now."""
    allowed = _allowed(scopes, account)
    return {"scopes": sorted(allowed), "held_back": [s for s in scopes if s not in allowed]}


def _hold_within(scopes: Iterable[str], account: dict[str, Any]) -> None:
    beyond = set(scopes) - set(account["scopes"])
    if beyond and "admin" not in account["scopes"]:
        raise _refused("scopes", f"of a key cannot be more than those of its account, which has"
                       f" not {min(beyond)[:100]}")


def _end(expires: int | None, now: int) -> dict[str, str | bool | None]:
    return {"expires": None if expires is None else text_of(expires),
            "expired": expires is not None and expires <= now}


def _no_key(key_id: str) -> RequestRefused:
    return RequestRefused(404, "key_not_found", f"There is no key {key_id[:100]}.", "id")


def _hosts(hosts: Iterable[str]) -> str:
    return " ".join(sorted({host_of(host) for host in hosts}))


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
