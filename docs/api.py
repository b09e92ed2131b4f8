"""What the reference says of routes, read out of the description that the tracker serves."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from tracker.door.refusals import ALWAYS
from tracker.jurisdictions import Jurisdictions
from tracker.settings import IntakeSettings
from tracker.web.app import Web
from tracker.web.links import LinkPages
from tracker.web.openapi import Description, document
from tracker.web.ppi import Ppi
from tracker.web.servermessages import ServerPages

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
ANY = {line.split()[0] for line in ALWAYS} - {"400", "503"}
"""Statuses that are no news of one operation."""

ELSEWHERE = {
    "account_exists", "account_not_found", "account_refused", "key_not_found",  # at the shell
    "message_too_large", "not_lz4",  # in messages of WebSockets
    "no_host", "method_not_allowed",  # of a port, of methods that no operation has
}
"""Codes that no operation of the description is answered with."""


def described() -> dict[str, Any]:
    """The description of the API."""
    nothing: Any = SimpleNamespace(noting=lambda tracking: tracking)  # only tables are read
    ppi = Ppi(nothing, None, Jurisdictions(None), nothing, nothing)
    links = LinkPages(nothing, nothing, nothing, IntakeSettings())
    servers = ServerPages(nothing, nothing, nothing, IntakeSettings())
    return document(1, [*Web(nothing, lambda: 0.0, nothing, ppi).routes(),
                        *ppi.routes(1, nothing), *links.routes(), *servers.routes(),
                        Description(1).route()])


def paths(*tags: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The paths of these tags, without those that only have more behind them."""
    for path, at in described()["paths"].items():
        found = {at[method]["tags"][0] for method in METHODS if method in at}
        if not found.isdisjoint(tags) and "{" not in path:
            yield path, at


def methods_of(at: dict[str, Any]) -> str:
    """The methods of a path."""
    return ", ".join(method.upper() for method in METHODS if method in at)


def operations_of(at: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Method, summary and statuses of what is done at a path; HEAD and OPTIONS say nothing new."""
    for method in METHODS:
        if method in at and method not in {"head", "options"}:
            statuses = sorted(set(at[method]["responses"]) - ANY)
            yield method.upper(), at[method]["summary"], ", ".join(statuses)


def codes() -> dict[str, set[int]]:
    """Each code that the description tells of, with its statuses."""
    found: dict[str, set[int]] = {}
    for name, answer in described()["components"]["responses"].items():
        status = int(name.removeprefix("Refused").partition("_")[0])
        _, own = answer["content"]["application/json"]["schema"]["allOf"]
        for code in own["properties"]["error"]["properties"]["code"]["enum"]:
            found.setdefault(code, set()).add(status)
    return found
