"""One request through an intake, and all that came of it."""

import json
from dataclasses import dataclass
from typing import Any

from tracker.errors import RequestRefused
from tracker.hit import Hit, decode_hit
from tracker.intake import Accepted, Answer, Intake, Request
from tracker.settings import IntakeSettings

TAIL = bytes.fromhex("8001a1a2a3a4a5a6")
NOW = 1_795_000_000_123_456_789


@dataclass(frozen=True)
class Outcome:
    """What became of a request: the answer, and the hit if one was recorded."""

    answer: Answer
    hit: Hit | None
    accepted: Accepted | None

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def json(self) -> Any:
        return json.loads(self.answer.body)

    @property
    def error(self) -> str:
        """The code of a refusal."""
        assert {"error"} == self.json.keys()
        assert {"code", "message", "field"} == self.json["error"].keys()
        assert self.hit is None
        return str(self.json["error"]["code"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.answer.headers}

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies set: name -> all behind the first `=`."""
        set_cookies = [value.decode() for name, value in self.answer.headers
                       if name == b"set-cookie"]
        return {name: rest for name, _, rest in (text.partition("=") for text in set_cookies)}


class Client:
    """Sends requests to an intake of its own."""

    def __init__(self, settings: IntakeSettings | None = None) -> None:
        self.now = NOW
        self.intake = Intake(settings or IntakeSettings(), TAIL, lambda: self.now)

    def send(self, method: str, target: str | bytes, body: bytes | str = b"",
             headers: dict[str, str] | None = None, peer: str = "192.0.2.1",
             secure: bool = False) -> Outcome:
        """One request and what came of it."""
        target = target.encode() if isinstance(target, str) else target
        body = body.encode() if isinstance(body, str) else body
        lines = [b"%b %b HTTP/1.1" % (method.encode(), target), b"Host: t.example.com"]
        lines += [f"{name}: {value}".encode() for name, value in (headers or {}).items()]
        head = b"\r\n".join(lines) + b"\r\n"
        return self.pass_on(Request(method.encode(), target, head, body, peer, secure))

    def pass_on(self, request: Request) -> Outcome:
        """What comes of a request."""
        try:
            accepted = self.intake.accept(request)
        except RequestRefused as error:
            return Outcome(self.intake.refusal(error, request.head), None, None)
        if isinstance(accepted, Answer):
            return Outcome(accepted, None, None)
        return Outcome(accepted.answer, decode_hit(accepted.record), accepted)

    def post(self, body: bytes | str, target: str = "/tr/v1/tr/", **headers: str) -> Outcome:
        """A POST; `content_type="x"` is the header content-type."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", target, body, fields)

    def get(self, target: str, **headers: str) -> Outcome:
        """A GET, headers as in `post`."""
        return self.send("GET", target, b"", {name.replace("_", "-"): value
                                              for name, value in headers.items()})
