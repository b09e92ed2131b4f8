"""TLS between a client's socket and the protocol that speaks HTTP.

OpenSSL works in memory; the event loop's own transport moves the bytes. Each piece that comes is
decrypted in one step and each answer encrypted in one, with no second try to read: an exception for
"nothing more is here" costs more than the rest.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from tracker.door.door import Door

RECORD_BYTES = 16 << 10
"""The most that one record of TLS holds (RFC 8446, 5.1)."""


class SecureTransport(asyncio.Protocol, asyncio.Transport):
    """The protocol of a client's socket, and the transport of the protocol that `factory` makes.

    That protocol hears of the connection when the handshake is done, for which a client has
    `header_seconds`. What comes after `write_eof` is dropped unread.
    """

    __slots__ = ("_context", "_door", "_ended", "_factory", "_incoming", "_made", "_object",
                 "_outgoing", "_pending", "_protocol", "_read", "_socket", "_write", "age", "spoke")

    def __init__(self, context: ssl.SSLContext, door: "Door",
                 factory: Callable[[], asyncio.Protocol]) -> None:
        super().__init__()
        self._context = context
        self._door = door
        self._factory = factory
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._read = self._object.read
        self._write = self._object.write
        self._pending = self._object.pending
        self._socket: asyncio.Transport | None = None
        self._protocol: asyncio.Protocol | None = None
        self._made = False  # the handshake is done, and the protocol made
        self._ended = False  # we have said that we send no more
        self.age = 0.0  # seconds since the client came, as the sweep counts them
        self.spoke = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; it begins the handshake."""
        self._socket = cast("asyncio.Transport", transport)
        if not self._door.enter(self):
            self._socket.abort()  # a handshake costs too much for a refusal

    def data_received(self, data: bytes) -> None:
        """Encrypted bytes have come."""
        if self._ended:
            return
        self._incoming.write(data)
        if self._made:
            self._decrypt()
        else:
            self._shake_hands()

    def eof_received(self) -> bool:
        """The client has shut its side, with or without saying so by TLS before."""
        if not self._made or self._protocol is None:
            return False
        return bool(self._protocol.eof_received())

    def pause_writing(self) -> None:
        """The client does not read."""
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._protocol is not None:
            self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone. No reference is left that would keep OpenSSL's memory."""
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(exc)
        else:
            self._door.leave(self)
        self._socket = None

    # TLS.

    def _shake_hands(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except OSError:  # not TLS, or none that we speak
            self._break()
            return
        self._flush()
        self._door.let_go(self)
        self._made = True
        self._protocol = self._factory()
        self._protocol.connection_made(self)
        if self._incoming.pending:
            self._decrypt()

    def _decrypt(self) -> None:
        """Give what has come to the protocol, in one piece."""
        try:
            data = self._read(RECORD_BYTES)
        except ssl.SSLWantReadError:
            data = None
        except OSError:
            self._break()
            return
        if data and (self._incoming.pending or self._pending()):
            self._decrypt_more(data)
            return
        if self._outgoing.pending:  # the client has asked for new keys
            self._flush()
        if data:
            if self._protocol is not None:
                self._protocol.data_received(data)
        elif data is not None:
            self._end_of_data()

    def _decrypt_more(self, data: bytes) -> None:
        pieces, broken = [data], False
        try:
            while self._incoming.pending or self._pending():
                piece = self._read(RECORD_BYTES)
                pieces.append(piece)
                if not piece:
                    break
        except ssl.SSLWantReadError:
            pass
        except OSError:
            broken = True
        self._flush()
        if self._protocol is not None:
            self._protocol.data_received(b"".join(pieces))
        if broken:
            self._break()
        elif not pieces[-1]:
            self._end_of_data()

    def _end_of_data(self) -> None:
        """The client has said that it sends no more; it may still read."""
        if self._protocol is not None and not self._protocol.eof_received():
            self.close()

    def _flush(self) -> None:
        if self._outgoing.pending and self._socket is not None:
            self._socket.write(self._outgoing.read())

    def _break(self) -> None:
        """Tell the client by an alert that it has broken the rules, and close."""
        self._ended = True
        self._flush()
        if self._socket is not None:
            self._socket.close()

    def _say_end(self) -> None:
        """Send the alert `close_notify` (RFC 8446, 6.1), once."""
        if self._ended:
            return
        self._ended = True
        if self._made:
            with contextlib.suppress(OSError):  # that the other side has not said it yet
                self._object.unwrap()
            self._flush()

    # What the protocol calls.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        socket = self._socket
        if socket is None or self._ended:
            return
        try:
            sent = self._write(data)
            while sent < len(data):
                sent += self._write(memoryview(data)[sent:])
        except OSError:
            self.abort()
            return
        socket.write(self._outgoing.read())

    def writelines(self, list_of_data: Any) -> None:
        """Encrypt and send all."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """One side may end before the other."""
        return True

    def write_eof(self) -> None:
        """Say that nothing more is sent."""
        if self._socket is not None and not self._socket.is_closing():
            self._say_end()
            self._socket.write_eof()

    def close(self) -> None:
        """Say the end, send what is left, and close."""
        if self._socket is not None and not self._socket.is_closing():
            self._say_end()
            self._socket.close()

    def abort(self) -> None:
        """Hang up without a word."""
        if self._socket is not None:
            self._socket.abort()

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._socket is None or self._socket.is_closing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give what comes to another protocol."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who gets what comes."""
        assert self._protocol is not None
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the transport of the socket has it, and `sslcontext`, by which uvicorn knows TLS."""
        if name == "sslcontext":
            return self._context
        if name == "ssl_object":
            return self._object
        return default if self._socket is None else self._socket.get_extra_info(name, default)

    def is_reading(self) -> bool:
        """Whether the socket is read."""
        return self._socket is not None and self._socket.is_reading()

    def pause_reading(self) -> None:
        """Read the socket no more for now; what has come is with the protocol already."""
        if self._socket is not None:
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """Read the socket again."""
        if self._socket is not None:
            self._socket.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Encrypted bytes that the system has not taken yet."""
        return 0 if self._socket is None else self._socket.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Low and high water of those bytes."""
        assert self._socket is not None
        return self._socket.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set low and high water of those bytes."""
        if self._socket is not None:
            self._socket.set_write_buffer_limits(high, low)

    # Before the handshake is done, the door's sweep.

    def turn(self, seconds: float) -> None:
        """So much time has passed since the last turn."""
        self.age += seconds
        if self.age >= self._door.settings.header_seconds:
            self.abort()

    def stop(self) -> None:
        """The worker ends: nothing has begun that must be finished."""
        self.abort()
