"""Static files below `/tr/v1/pub/`."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send


class PublicFiles:
    """The files of one directory; no listings, nothing whose path has a name with a dot first."""

    def __init__(self, directory: Path | None, prefix: str) -> None:
        self._files = None if directory is None else StaticFiles(
            directory=directory, html=True, check_dir=False)
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file; raises `HTTPException` when there is none."""
        response = await self._find(scope)
        await response(scope, receive, send)

    async def _find(self, scope: Scope) -> Response:
        path = scope["path"].removeprefix(self._prefix)
        hidden = any(name.startswith(".") for name in path.split("/"))
        if self._files is None or hidden or "\0" in path:
            raise HTTPException(404)
        if scope["method"] != "HEAD":  # a hit may be sent by POST; the file is the same
            scope = {**scope, "method": "GET"}
        return await self._files.get_response(self._files.get_path({**scope, "path": path}), scope)
