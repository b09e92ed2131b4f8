"""Static files below `/tr/v1/pub/`."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from tracker.intake import Headers


class PublicFiles:
    """The files of one directory; no listings, nothing whose path has a name with a dot first."""

    def __init__(self, directory: Path | None, prefix: str,
                 cors: Callable[[bytes], Headers]) -> None:
        self._files = None if directory is None else StaticFiles(
            directory=directory, html=True, check_dir=False)
        self._prefix = prefix
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file; raises `HTTPException` when there is none."""
        origin = dict(scope["headers"]).get(b"origin", b"")
        cors = {name.decode(): value.decode() for name, value in self._cors(origin)}
        try:
            response = await self._find(scope)
        except HTTPException as error:
            error.headers = {**(error.headers or {}), **cors}
            raise
        if "location" in response.headers:  # to the folder; not to the host that was asked for
            response.headers["location"] = urlsplit(response.headers["location"]).path
        response.headers.update(cors)
        await response(scope, receive, send)

    async def _find(self, scope: Scope) -> Response:
        path = scope["path"].removeprefix(self._prefix)
        hidden = any(name.startswith(".") for name in path.split("/"))
        if self._files is None or hidden or "\0" in path:
            raise HTTPException(404)
        if scope["method"] != "HEAD":  # a hit may be sent by POST; the file is the same
            scope = {**scope, "method": "GET"}
        return await self._files.get_response(self._files.get_path({**scope, "path": path}), scope)
