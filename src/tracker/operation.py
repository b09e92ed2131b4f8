"""What an address of the HTTP API takes and answers: data that stands beside the code for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, TypeVar

JSON = "application/json"
TEXT = "text/plain"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Named:
    """A JSON Schema with a name of its own; `schema` may hold shapes again."""

    name: str
    schema: Mapping[str, Any]


Shape = Any
"""A type that msgspec describes, a `Named`, or a JSON Schema with shapes in it."""


class Fault(TypedDict):
    """What is wrong; `field` names the header, the index or the value at fault."""

    code: str
    message: str
    field: str | None


class FaultOfOne(Fault):
    """What is wrong with one of several, counted from 0."""

    index: int


class Refusal(TypedDict):
    """Nothing of the request was accepted."""

    error: Fault
    rejected: NotRequired[list[FaultOfOne]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value beside the body. `where`: query, path or header; `free`: any names."""

    name: str
    about: str
    shape: Shape = str
    where: str = "query"
    required: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal; `content` by media type, `headers` with what they say."""

    status: int
    about: str
    content: Mapping[str, Shape] | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What some methods do at a path; HEAD goes with GET and is not named.

    `refusals`  each a status and the codes it comes with: "400 link_refused not_json"; those that
                every request may get are added
    `below`     what stands behind the path of the route: "/{host}"
    `about`     in place of the docstring of the code
    `keyed`     needs a key or an account in `Authorization`
    """

    methods: tuple[str, ...]
    answers: tuple[Answer, ...]
    refusals: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    takes: Mapping[str, Shape] | None = None
    below: str = ""
    about: str = ""
    keyed: bool = False


def operations(*listed: Operation) -> Callable[[F], F]:
    """Says what a handler takes and answers; none: nothing that a client would ask for."""
    def noted(handler: F) -> F:
        handler.operations = listed  # type: ignore[attr-defined]  # functions take any
        return handler
    return noted


PREFLIGHT = Operation(("OPTIONS",), (Answer(200, "What scripts of other origins may send."),),
                      about="A browser's question before it sends.")
