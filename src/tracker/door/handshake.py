"""The handshake of a WebSocket (RFC 6455, 4.2), as the library `websockets` judges it."""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from tracker.errors import RequestRefused
from tracker.intake.message import Headers

if TYPE_CHECKING:
    from websockets.http11 import Request

_DEFLATE = ServerPerMessageDeflateFactory(server_no_context_takeover=True,
                                          client_no_context_takeover=True)
"""Nothing of a message is kept for the next: no memory for connections that rest (RFC 7692)."""

_LOG = logging.getLogger("tracker.door.websocket")
_LOG.setLevel(logging.ERROR)  # what a client does wrong is told to it; the log is not for it

_FIELDS = (b"connection", b"upgrade", b"sec-websocket-")


def shake_hands(head: bytes, cookies: Headers, message_bytes: int) -> ServerProtocol:
    """The protocol of an open WebSocket, with the answer to the handshake among what it sends.

    Raises `RequestRefused` for a `head` that is none.
    """
    protocol = ServerProtocol(extensions=[_DEFLATE], max_size=message_bytes, logger=_LOG)
    protocol.receive_data(_own_part(head))
    for request in protocol.events_received():
        response = protocol.accept(cast("Request", request))
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            for name, value in cookies:
                response.headers[name.decode()] = value.decode()
            protocol.send_response(response)
            return protocol
    raise RequestRefused(426, "upgrade_required",
                         f"This is no handshake of a WebSocket: {protocol.handshake_exc}.")


def _own_part(head: bytes) -> bytes:
    """What of a head concerns the handshake; path and other headers are for the intake alone."""
    lines = [line for line in head.split(b"\r\n")[1:] if line.lower().startswith(_FIELDS)]
    return b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""])
