"""The answers of the tracking routes, made once per origin that may read them."""

import msgspec

from tracker.errors import RequestRefused
from tracker.intake.coding import SUPPORTED
from tracker.intake.message import Answer, Headers
from tracker.routes import METHODS

PIXEL = bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b")
NO_STORE = (b"cache-control", b"no-store")
JSON = (b"content-type", b"application/json")
NOSNIFF = (b"x-content-type-options", b"nosniff")
"""Keeps browsers from taking an answer for something else than its type says."""
ALLOWED = ", ".join(method.decode() for method in METHODS)
ALLOW = (b"allow", ALLOWED.encode())
PREFLIGHT: Headers = (
    ALLOW,
    (b"access-control-allow-methods", ALLOWED.encode()),
    (b"access-control-allow-headers",
     b"content-type, content-encoding, authorization, user, x-gigawatts"),
    (b"access-control-max-age", b"7200"),  # as long as Chromium believes it
)
EXTRA: dict[int, Headers] = {
    405: (ALLOW,),
    415: ((b"accept-encoding", SUPPORTED.encode()),),
    426: ((b"upgrade", b"websocket"), (b"connection", b"upgrade"),
          (b"sec-websocket-version", b"13")),
}
"""What a refusal of this status says besides the reason."""


class Answers:
    """All answers for one kind of origin; `cors` are the headers that let its scripts read."""

    def __init__(self, cors: Headers) -> None:
        self.cors = cors
        self.preflight = Answer(200, (*PREFLIGHT, *cors))
        self.empty = Answer(200, (NO_STORE, *cors))
        self.pixel = Answer(200, ((b"content-type", b"image/gif"), NO_STORE, *cors), PIXEL)

    def json(self, status: int, value: object) -> Answer:
        """`value` as JSON."""
        return Answer(status, (JSON, NO_STORE, *self.cors), msgspec.json.encode(value))

    def redirect(self, location: bytes) -> Answer:
        """302 to `location`."""
        return Answer(302, ((b"location", location), NO_STORE, *self.cors))

    def refusal(self, error: RequestRefused) -> Answer:
        """The one shape of every error."""
        shape = {"code": error.code, "message": error.message, "field": error.field}
        return self.json(error.status, {"error": shape}).with_headers(
            (NOSNIFF, *EXTRA.get(error.status, ())))


class AnswerBook:
    """The answers for whoever asks, after AllowOrigin."""

    def __init__(self, allow_origin: str) -> None:
        origins = [part.strip().rstrip("/") for part in allow_origin.split(",") if part.strip()]
        self.by_origin = bool(origins) and "*" not in origins
        """Whether answers differ by the Origin of the request."""
        self.open = "*" in origins
        """Whether pages of any origin may read them."""
        self._listed: dict[bytes, Answers] = {}
        if not self.by_origin:
            # With "*", browsers refuse credentials, so none are offered.
            self.any = Answers(((b"access-control-allow-origin", b"*"),) if origins else ())
            return
        vary = (b"vary", b"origin")
        self.any = Answers((vary,))
        for origin in origins:
            self._listed[origin.lower().encode()] = Answers((
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-allow-credentials", b"true"), vary))

    def of(self, origin: bytes) -> Answers:
        """The answers for a request with this Origin (b"" is none)."""
        return self._listed.get(origin.lower(), self.any)
