"""What stands behind the path of a page, whatever it is: also line feeds, which `path` stops at."""

from typing import Final

from starlette.convertors import PathConvertor, register_url_convertor


class _Rest(PathConvertor):
    regex = "(?s:.*)"


register_url_convertor("rest", _Rest())

REST: Final = "/{rest:rest}"
"""For the end of a route's path."""
