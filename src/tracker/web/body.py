"""Reading the body of a request that the application answers, within bounds."""

import asyncio
import time
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from tracker.door.refusals import BODY_STEP
from tracker.errors import RequestRefused, SpoolUnavailable


class Room(Protocol):
    """Who bounds what all bodies of a worker take together while they arrive."""

    def reserve(self, size: int) -> SpoolUnavailable | None:
        """Room for so many bytes more, or why there is none."""

    def release(self, size: int) -> None:
        """Give room back."""


async def read_body(receive: Receive, most: int, seconds: float, room: Room) -> bytes:
    """The whole body; raises `RequestRefused` when it is too large or comes too slowly.

    Every `BODY_STEP` bytes may take `seconds`. Raises `ClientDisconnect` when the client hangs up
    before, `SpoolUnavailable` when there is no room.
    """
    pieces: list[bytes] = []
    size, goal, deadline = 0, BODY_STEP, time.monotonic() + seconds
    try:
        while True:
            piece, more = await _piece(receive, deadline)
            if (refusal := room.reserve(len(piece))) is not None:
                raise refusal
            size += len(piece)
            if size > most:
                raise RequestRefused(413, "body_too_large",
                                     f"The body may have {most} bytes; send less.")
            pieces.append(piece)
            if not more:
                return b"".join(pieces)
            if size >= goal:
                goal, deadline = size + BODY_STEP, time.monotonic() + seconds
    finally:
        pieces.clear()  # an error that is raised here holds this frame, and the frame the error
        room.release(size)


async def _piece(receive: Receive, deadline: float) -> tuple[bytes, bool]:
    """The next piece, and whether more comes."""
    try:
        message = await asyncio.wait_for(receive(), max(deadline - time.monotonic(), 0))
    except TimeoutError:
        raise RequestRefused(408, "body_too_slow", "The body came too slowly.") from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)
