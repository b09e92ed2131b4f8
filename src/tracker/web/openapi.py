"""The description of the whole HTTP API (OpenAPI 3.1), made of what stands beside each route."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tracker import __version__
from tracker.door.refusals import ALWAYS
from tracker.intake.described import SHORT_LINK, tracking_operations
from tracker.operation import JSON, Answer, Named, Operation, Parameter, Refusal, Shape, operations
from tracker.routes import TRACKING_ROUTES
from tracker.web.rest import REST

OPENAPI: Final = "3.1.0"
_ABOUT: Final = (
    "Events go in by the tracking routes; an answer below 300, and 302, says that what it accepts"
    " is on disk. Every other one has the shape `Refusal`, and nothing of its request was accepted."
    " Bodies may be packed (`Content-Encoding`: gzip, deflate, br, zstd). Paths of tracking routes"
    " take any number of pairs, of which a template can name but one.")
_KEYS: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key of an account."},
    "account": {"type": "http", "scheme": "basic", "description": "An account, its password."}}
_OWN_PARTS: Final = re.compile(r"\{(\w+)\}")
_WORDS: Final = re.compile(r"[^a-z0-9]+")


class Described:
    """One address with what is done there; `about` tells of the address."""

    def __init__(self, path: str, tag: str, operation: Operation, about: str) -> None:
        self.path = path
        self.tag = tag
        self.operation = operation
        self.place = about or operation.about
        self.about = operation.about or about


def tracking(api_version: int) -> Iterator[Described]:
    """The tracking routes."""
    for line in TRACKING_ROUTES:
        tag = "server-side events" if line.server_side else "client-side events"
        for operation in tracking_operations(line):
            path = line.path(api_version) + operation.below
            if line.shared:  # as the page's, whose answers stand at the same path
                path = path.rstrip("/")
            yield Described(path, tag, operation, line.answers)
    for operation in SHORT_LINK:
        yield Described("/{slug}", "short links", operation, "")


def pages(routes: Sequence[Route]) -> Iterator[Described]:
    """The pages, by the operations that each handler has with it; each path once."""
    seen = set()
    for route in routes:
        path = route.path.removesuffix(REST).removesuffix("/")
        listed: tuple[Operation, ...] = getattr(route.endpoint, "operations", ())
        if path in seen or not listed:
            continue
        seen.add(path)
        for operation in listed:
            yield Described(path + operation.below, tag_of(path), operation,
                            (route.endpoint.__doc__ or "").strip())


def tag_of(path: str) -> str:
    """What a page is about."""
    tags = {"rpi": "short links", "ppi": "privacy",
            **dict.fromkeys(("log", "count", "update"), "server messages")}
    return tags.get("".join(path.split("/")[3:4]), "pages")


def document(api_version: int, routes: Sequence[Route]) -> dict[str, Any]:
    """The description of the tracking routes and of these pages."""
    return _Assembly().whole([*tracking(api_version), *pages(routes)])


class _Assembly:
    """Puts a document together; shapes and refusals that stand in it often get a name."""

    def __init__(self) -> None:
        self._schemas: dict[str, Any] = {}
        self._refusals: dict[tuple[int, tuple[str, ...]], str] = {}
        self._responses: dict[str, Any] = {}

    def whole(self, described: Iterable[Described]) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for one in described:
            at = paths.setdefault(one.path, {"summary": one.place})
            for method in one.operation.methods:
                at[method.lower()] = self._operation(one, method)
                if method == "GET":
                    at["head"] = self._head(one)
        return {
            "openapi": OPENAPI,
            "info": {"title": "Tracker", "version": __version__, "description": _ABOUT,
                     "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {"schemas": dict(sorted(self._schemas.items())),
                           "responses": self._responses, "securitySchemes": _KEYS}}

    def _operation(self, one: Described, method: str) -> dict[str, Any]:
        operation = one.operation
        made: dict[str, Any] = {
            "operationId": _WORDS.sub("_", f"{method} {one.path}".lower()).strip("_"),
            "tags": [one.tag], "summary": one.about,
            "parameters": [*map(self._parameter, _places(one)),
                           *map(self._parameter, operation.parameters)],
            "responses": self._answers(operation)}
        if operation.takes is not None:
            made["requestBody"] = {"content": self._content(operation.takes)}
        if operation.keyed:
            made["security"] = [{name: []} for name in _KEYS]
        return made

    def _head(self, one: Described) -> dict[str, Any]:
        """As GET, without bodies."""
        made = self._operation(one, "HEAD")
        made["summary"] = "As GET, without a body; records nothing."
        made["responses"] = {status: {"description": answer.get("description", "As GET.")}
                             for status, answer in made["responses"].items()}
        return made

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        made = {"name": parameter.name, "in": parameter.where, "description": parameter.about,
                "required": parameter.required, "schema": self._shape(parameter.shape)}
        if parameter.free:
            made["schema"] = {"type": "object", "additionalProperties": {"type": "string"}}
            made |= {"style": "form", "explode": True}
        return made

    def _answers(self, operation: Operation) -> dict[str, Any]:
        answers = {str(answer.status): self._answer(answer) for answer in operation.answers}
        for status, codes in refused(operation).items():
            if str(status) in answers:  # 404 of a page that is no refusal
                continue
            answers[str(status)] = {"$ref": f"#/components/responses/{self._named(status, codes)}"}
        return dict(sorted(answers.items()))

    def _answer(self, answer: Answer) -> dict[str, Any]:
        made: dict[str, Any] = {"description": answer.about}
        if answer.content is not None:
            made["content"] = self._content(answer.content)
        if answer.headers is not None:
            made["headers"] = {name: {"required": True, "description": about,
                                      "schema": {"type": "string"}}
                               for name, about in answer.headers.items()}
        return made

    def _named(self, status: int, codes: tuple[str, ...]) -> str:
        """The name of a refusal with one of these codes."""
        name = self._refusals.get((status, codes))
        if name is None:
            same = sum(known == status for known, _ in self._refusals)
            name = f"Refused{status}_{same + 1}" if same else f"Refused{status}"
            self._refusals[status, codes] = name
            self._responses[name] = {
                "description": ", ".join(f"`{code}`" for code in codes),
                "content": {JSON: {"schema": self._shape({"allOf": [Refusal, {"properties": {
                    "error": {"properties": {"code": {"enum": list(codes)}}}}}]})}}}
        return name

    def _content(self, content: Mapping[str, Shape]) -> dict[str, Any]:
        return {media: {"schema": self._shape(shape)} for media, shape in content.items()}

    def _shape(self, shape: Shape) -> Any:
        """A shape as JSON Schema; what has a name stands among the components."""
        match shape:
            case Named(name, schema):
                if name not in self._schemas:
                    self._schemas[name] = {}
                    self._schemas[name] = self._shape(schema)
                return {"$ref": f"#/components/schemas/{name}"}
            case Mapping():
                return {key: self._shape(value) for key, value in shape.items()}
            case list() | tuple():
                return [*map(self._shape, shape)]
            case None | bool() | int() | float() | str():
                return shape
        (schema,), named = msgspec.json.schema_components(
            [shape], ref_template="#/components/schemas/{name}")
        self._schemas |= named
        return schema


def refused(operation: Operation) -> dict[int, tuple[str, ...]]:
    """The codes of each status, of the operation and of all requests."""
    found: dict[int, list[str]] = {}
    for line in (*operation.refusals, *ALWAYS):
        status, *codes = line.split()
        found.setdefault(int(status), []).extend(codes)
    return {status: tuple(sorted(set(found[status]))) for status in sorted(found)}


def _places(one: Described) -> Iterator[Parameter]:
    about = {"key": "A key of the event.", "value": "Its value.", "file": "A file's path.",
             "host": "The host of the short URLs.", "uid": "An account.",
             "password": "Its password; better in `Authorization`.", "slug": "A short link's path."}
    for name in _OWN_PARTS.findall(one.path):
        yield Parameter(name, about[name], {"type": "string", "minLength": 1}, "path", True)


class Description:
    """The page that shows the document."""

    def __init__(self, api_version: int) -> None:
        self.path = f"/tr/v{api_version}/openapi.json"
        self._api_version = api_version
        self._text = b""

    def route(self) -> Route:
        """Path and handler."""
        return Route(self.path, self.show, methods=["GET", "HEAD"])

    def write(self, routes: Sequence[Route]) -> None:
        """Make the text of the pages that are served."""
        self._text = msgspec.json.encode(document(self._api_version, routes))

    @operations(Operation(("GET",), (Answer(200, "An OpenAPI document.", {JSON: {
        "type": "object", "required": ["openapi", "paths"]}}),)))
    async def show(self, request: Request) -> Response:
        """This API, as OpenAPI 3.1."""
        del request
        return Response(self._text, media_type=JSON)
