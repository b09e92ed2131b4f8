"""Who writes the registry: takes calls of workers and commands, one by one."""

import asyncio
import hmac
import secrets
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog

from tracker.errors import RequestRefused
from tracker.places import Places
from tracker.registry.accounts import Accounts, Holder
from tracker.registry.calls import (
    UNSET,
    AddAccount,
    AddKey,
    Asked,
    Call,
    ChangeAccount,
    ChangeKey,
    Click,
    Credential,
    DropAccount,
    DropKey,
    DropLink,
    FindLinks,
    ListAccounts,
    Permit,
    PutLinks,
    Told,
    Unset,
)
from tracker.registry.database import open_writer, transaction
from tracker.registry.links import Links, SomeRefused
from tracker.registry.mark import Mark
from tracker.registry.passwords import (
    LEAST_LENGTH,
    MOST_BYTES,
    Attempts,
    hash_password,
    is_password,
)
from tracker.registry.rules import host_of
from tracker.settings import IntakeSettings
from tracker.weburl import ascii_host
from tracker.wire import packed, receive

_WAITING: Final = 8  # passwords that wait for their turn; behind them 429
_REST: Final = 4.0  # times as long as a wrong password took the processor, nothing is tried
_MOST_LISTED: Final = 10_000
_REDIRECTS: Final = "redirects"

log = structlog.get_logger("registry")


class Office:
    """Answers calls. The database has one thread, passwords another, so neither waits long.

    Who calls by the socket must show the `token`. `clock` gives seconds since 1970, and
    `steady` such that go on evenly. Raises `TrackerError` when the file cannot be used.
    """

    def __init__(self, places: Places, settings: IntakeSettings, token: bytes,
                 clock: Callable[[], float] = time.time,
                 steady: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.database = open_writer(places.registry)
        self.mark = Mark(places.mark)
        node = secrets.randbits(48) | 1 << 40  # not the address of a network card
        domains = frozenset(ascii_host(domain.partition(":")[0]) for domain in settings.domains)
        self._links = Links(self.database, domains, settings.api_version,
                            lambda: uuid.uuid1(node=node).bytes)
        self._accounts = Accounts(self.database)
        self._attempts = Attempts(steady)
        self._token = token
        self._writing = ThreadPoolExecutor(1, "registry")
        self._hashing = ThreadPoolExecutor(1, "passwords")
        self._hashes = 0
        self.logins: Counter[str] = Counter()
        self.mark.move()  # workers that were here before look once more

    async def answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection, in order."""
        with suppress(OSError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            while True:
                asked = await receive(source, Asked)
                if not hmac.compare_digest(asked.token, self._token):
                    break
                sink.write(packed(await self._told(asked.call)))
                await sink.drain()
        sink.close()

    async def _told(self, call: Call) -> Told:
        try:
            return await self.take(call)
        except SomeRefused as error:
            return Told(error.status, b"null", error.code, error.message, error.field,
                        error.rejected)
        except RequestRefused as error:
            return Told(error.status, b"null", error.code, error.message, error.field,
                        retry=error.retry)
        except sqlite3.Error as error:
            log.error("the registry cannot be written", error=str(error))  # noqa: TRY400 - no trace needed
            return Told(503, b"null", "unavailable", "Nothing was changed; try again later.",
                        retry=1)
        except Exception:  # one call's fault is not the next one's
            log.exception("a call failed")
            return Told(500, b"null", "internal_error", "The tracker failed at this request.")

    async def take(self, call: Call) -> Told:
        """Do what a call asks; raises `RequestRefused`."""
        if isinstance(call, Click):
            return await self._written(self._click, call)
        if isinstance(call, Permit):
            return _told(_allowed(await self._holder(call.who), call.scope).uid)
        if isinstance(call, PutLinks | FindLinks | DropLink):
            holder = _allowed(await self._holder(call.who), _REDIRECTS)
            return await self._written(self._do_links, call, holder)
        password: str | Unset = UNSET
        if isinstance(call, AddAccount | ChangeAccount):
            password = await self._hashed(call.password) if call.password else call.password
        return await self._written(self._do_accounts, call, password)

    async def _written(self, work: Callable[..., Told], *arguments: object) -> Told:
        return await asyncio.get_running_loop().run_in_executor(self._writing, work, *arguments)

    def close(self) -> None:
        """No call may come any more."""
        self._writing.shutdown(wait=True, cancel_futures=True)
        self._hashing.shutdown(wait=False, cancel_futures=True)
        self.database.close()
        self.mark.close()

    # Links, in the thread of the database.

    def _do_links(self, call: PutLinks | FindLinks | DropLink, holder: Holder) -> Told:
        now = self._now()
        if isinstance(call, FindLinks):
            return self._find(call, self._still(call.who, holder, now))
        with transaction(self.database):
            holder = self._still(call.who, holder, now)
            if isinstance(call, DropLink):
                value: Any = self._links.drop(call.urlfrom, holder.actor, now)
                status = 200
            else:
                host = host_of(call.host) if call.host else ""
                links, new = self._links.put(call.wishes, holder.actor, host, now,
                                             change=call.change)
                value, status = links, 201 if new else 200
        self.mark.move()
        return _told(value, status)

    def _still(self, who: Credential, holder: Holder, now: int) -> Holder:
        """The same account as it is now: since it was let in it may have been changed or deleted.

        Raises `RequestRefused`.
        """
        found = (self._accounts.by_key(who.key, now) if who.key
                 else self._accounts.by_uid(who.uid, now))
        if found is None or found.password != holder.password:
            raise _nobody()
        return _allowed(found, _REDIRECTS)

    def _find(self, call: FindLinks, holder: Holder) -> Told:
        if call.urlfrom:
            return _told(self._links.find(call.urlfrom, holder.actor))
        most = min(max(call.most, 0), _MOST_LISTED)
        return _told(self._links.of_host(host_of(call.host), holder.actor, call.after, most))

    def _click(self, call: Click) -> Told:
        if not call.count:
            return _told(self._links.click(call.host, call.slug, self._now(), count=False))
        with transaction(self.database):
            return _told(self._links.click(call.host, call.slug, self._now(), count=True))

    # Accounts, in the thread of the database; only commands on this machine come here.

    def _do_accounts(self, call: Call, password: str | Unset) -> Told:
        now = self._now()
        if isinstance(call, ListAccounts):
            return _told(self._accounts.all(now))
        with transaction(self.database):
            return _told(self._change_accounts(call, password, now), 201)

    def _change_accounts(self, call: Call, password: str | Unset, now: int) -> Any:
        match call:
            case AddAccount():
                return self._accounts.add(call.uid, password or "", call.name, call.scopes,
                                          call.hosts, call.expires, now)
            case ChangeAccount():
                return self._accounts.change(call, password, now)
            case DropAccount():
                return self._accounts.drop(call.uid, now)
            case AddKey():
                return self._accounts.add_key(call.uid, call.scopes, call.name, call.expires, now)
            case ChangeKey():
                return self._accounts.change_key(call, now)
            case DropKey():
                return self._accounts.drop_key(call.id)
            case _:
                raise AssertionError(type(call))

    # Who it is.

    async def _holder(self, who: Credential) -> Holder:
        """The account behind a credential; raises `RequestRefused`."""
        if who.key:
            holder = await asyncio.get_running_loop().run_in_executor(
                self._writing, self._accounts.by_key, who.key, self._now())
        elif who.uid and who.password:
            holder = await self._by_password(who)
        else:
            raise RequestRefused(401, "not_authenticated", "Send a key as Authorization: Bearer,"
                                 " or an account and its password.")
        if holder is None:
            self.logins["refused"] += 1
            raise _nobody()
        self.logins["accepted"] += 1
        return holder

    async def _by_password(self, who: Credential) -> Holder | None:
        wait = self._attempts.wait(who.uid, who.address)
        if wait > 0 or self._hashes >= _WAITING:
            self.logins["slowed"] += 1
            seconds = max(1, round(wait + 0.5))
            raise RequestRefused(429, "too_many_attempts", "Too many wrong passwords of this"
                                 f" account or address; try again in {seconds} seconds, or use a"
                                 " key.", retry=seconds)
        self._attempts.failed(who.uid, who.address)  # until it is known to be right
        loop = asyncio.get_running_loop()
        holder = await loop.run_in_executor(self._writing, self._accounts.by_uid, who.uid,
                                            self._now())
        self._hashes += 1
        try:
            right = await loop.run_in_executor(
                self._hashing, _tried, holder.password if holder is not None else "",
                who.password)
        finally:
            self._hashes -= 1
        if not right:
            return None
        self._attempts.succeeded(who.uid, who.address)
        return holder

    async def _hashed(self, password: str) -> str:
        if len(password) < LEAST_LENGTH:
            raise RequestRefused(400, "account_refused", "The password must have"
                                 f" {LEAST_LENGTH} characters or more.", "password")
        if len(password.encode("utf-8", "replace")) > MOST_BYTES:
            raise RequestRefused(400, "account_refused",
                                 f"The password may have {MOST_BYTES} bytes.", "password")
        return await asyncio.get_running_loop().run_in_executor(self._hashing, hash_password,
                                                                password)

    def _now(self) -> int:
        return int(self._clock() * 1000)


async def closed(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Answer a call where there is no office, as the file cannot be used."""
    with suppress(OSError, asyncio.IncompleteReadError, msgspec.MsgspecError):
        await receive(source, Asked)
        sink.write(packed(Told(503, b"null", "unavailable", "Accounts and short URLs cannot be read"
                               " or changed: registry.db cannot be used. The tracker's log and"
                               " /health say why.", retry=60)))
        await sink.drain()
    sink.close()


def _tried(stored: str, password: str) -> bool:
    """Whether the password is right; after a wrong one the thread rests, so that guessing cannot
    take more than a fifth of a core."""
    if len(password.encode("utf-8", "replace")) > MOST_BYTES:
        password = ""  # nobody has that one
    started = time.thread_time()
    right = is_password(stored, password)
    if not right:
        time.sleep(_REST * (time.thread_time() - started))
    return right


def _nobody() -> RequestRefused:
    return RequestRefused(401, "not_authenticated",
                          "There is no such key, or no such account and password.")


def _allowed(holder: Holder, scope: str) -> Holder:
    """The same; raises `RequestRefused` where it may not do what needs `scope`."""
    if not holder.may(scope):
        raise RequestRefused(403, "forbidden", f"This needs the scope {scope}.")
    return holder


def _told(value: Any, status: int = 200) -> Told:
    return Told(status, msgspec.json.encode(value))

