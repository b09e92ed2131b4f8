"""A registry of its own: the office in the test's process, and books of workers."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from tracker.errors import RequestRefused
from tracker.places import Places
from tracker.registry.book import Book
from tracker.registry.calls import AddAccount, AddKey, Call, Click, Credential, PutLinks, Wish
from tracker.registry.mark import Mark
from tracker.registry.office import Office
from tracker.settings import IntakeSettings

NOON = 1_795_000_000.0
ADDRESS = "192.0.2.1"


class Registry:
    """An office, with an account `anna` that has a key for all hosts."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.now = NOON
        self.places = Places(folder)
        self.settings = IntakeSettings(**settings)
        self.open()
        self.ask(AddAccount("anna", "", ("redirects",)))
        self.who = Credential(ADDRESS, key=self.ask(AddKey("anna"))["key"])

    def open(self) -> None:
        """Start the office, as each start of the store process does."""
        self.office = Office(self.places, self.settings, b"token", lambda: self.now,
                             lambda: self.now)

    def close(self) -> None:
        """Stop it."""
        self.office.close()

    def ask(self, call: Call) -> Any:
        """The value of an answer; raises `RequestRefused`."""
        return msgspec.json.decode(asyncio.run(self.office.take(call)).value)

    def put(self, urlfrom: str, urlto: str = "https://example.com/there", **more: Any) -> Any:
        """Make a link."""
        return self.ask(PutLinks(self.who, [Wish(urlfrom, urlto, **more)]))[0]

    def refusal(self, call: Call) -> tuple[int, str, str | None]:
        """Status, code and field of what must be refused."""
        try:
            value = self.ask(call)
        except RequestRefused as error:
            return error.status, error.code, error.field
        raise AssertionError(f"it was done: {value}")

    def click(self, host: str, slug: str) -> bool:
        """One click on a limited link."""
        return bool(self.ask(Click(host, slug, count=True)))

    def book(self) -> Book:
        """What a worker has in memory."""
        return Book(self.places.registry, Mark(self.places.mark))


def head(host: str) -> bytes:
    """Header lines with this host."""
    return b"GET / HTTP/1.1\r\nAccept: */*\r\nHost: " + host.encode() + b"\r\n"
