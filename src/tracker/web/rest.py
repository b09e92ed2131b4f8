"""Routes of pages: what stands behind a path, and which methods a path takes."""

from typing import Final

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.routing import Match, Route

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _Rest(PathConvertor):
    """Whatever it is: also line feeds, which `path` stops at."""

    regex = "(?s:.*)"


register_url_convertor("rest", _Rest())

REST: Final = "/{rest:rest}"
"""For the end of a route's path."""


def methods_at(request: Request) -> str:
    """The methods that the pages at a request's path take, as `Allow` lists them."""
    taken = {method for route in request.app.routes
             if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
             for method in route.methods or ()}
    return ", ".join(method for method in _METHODS if method in taken)
