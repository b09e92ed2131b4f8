"""Small answers of the application: JSON, the error shape, and what browsers need to read them."""

from typing import Any

import msgspec
from starlette.responses import Response

JSON = "application/json"


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any value as JSON."""
    return Response(msgspec.json.encode(value), status, headers, JSON)


def error_answer(status: int, code: str, message: str,
                 headers: dict[str, str] | None = None, field: str | None = None) -> Response:
    """The shape of every error."""
    return json_answer({"error": {"code": code, "message": message, "field": field}}, status,
                       headers)
