"""Small answers of the application: JSON, the error shape, and what browsers need to read them."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tracker.door.address import canonical
from tracker.operation import JSON


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any value as JSON."""
    return Response(msgspec.json.encode(value), status, headers, JSON)


def peer_of(request: Request) -> str:
    """The address at the other end of a request's socket."""
    return canonical(request.client.host) if request.client else ""


def error_answer(status: int, code: str, message: str,
                 headers: dict[str, str] | None = None, field: str | None = None) -> Response:
    """The shape of every error."""
    return json_answer({"error": {"code": code, "message": message, "field": field}}, status,
                       headers)
