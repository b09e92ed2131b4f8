"""Reading the body of a request that the application answers, within bounds."""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from tracker.errors import RequestRefused


async def read_body(receive: Receive, most: int, seconds: float) -> bytes:
    """The whole body; raises `RequestRefused` when it is too large or comes too slowly.

    Each piece may take `seconds`; raises `ClientDisconnect` when the client hangs up before.
    """
    pieces = []
    size = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), seconds)
        except TimeoutError:
            raise RequestRefused(408, "body_too_slow", "The body came too slowly.") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise RequestRefused(413, "body_too_large",
                                 f"The body may have {most} bytes; send less.")
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)
