"""A served endpoint, and requests to it over plain HTTP."""

import http.client
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tracker.query.endpoint import QueryEndpoint


@dataclass
class Served:
    """An endpoint that answers."""

    port: int
    endpoint: QueryEndpoint
    flushed: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Serve = Callable[..., Any]


@dataclass
class Asked:
    """What the endpoint answered; `broken` when the connection ended before the answer did."""

    status: int
    headers: dict[str, str]
    body: bytes
    broken: bool = False


def ask(served: Served, sql: str = "", *, body: bytes | None = None, path: str = "/",
        headers: dict[str, str] | None = None, method: str = "", **args: str) -> Asked:
    """One request over a connection of its own."""
    target = path + "?" + urlencode({**({"query": sql} if sql else {}), **args})
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    with closing(connection):
        connection.request(method or ("GET" if body is None else "POST"), target, body,
                           headers or {})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Asked(answer.status, found, answer.read())
        except http.client.IncompleteRead as error:
            return Asked(answer.status, found, error.partial, broken=True)
