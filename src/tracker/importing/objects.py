"""JSON lines as events: objects as clients send them, and rows of `events` as they are exported."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from tracker.importing.event import Event, NoEvent
from tracker.intake.address import canonical
from tracker.intake.body import BodyReader, is_utf8, mend_surrogates
from tracker.refine.decode import BROKEN, Values, decode_object
from tracker.refine.times import EARLIEST, LATEST, read_time
from tracker.settings import IntakeSettings

_ROW = frozenset({"eid", "created_at", "received_at", "sequencer", "batch"})
_MADE = ("sequencer", "batch", "hhash", "bhash", "iphash", "bot", "ja4h")
"""What follows from the rest of a row, or is of the tracker that it came from."""
_HASH_LENGTH = 64

NO_JSON = NoEvent("it is no JSON")
NOT_UTF8 = NoEvent("it is not UTF-8")

_encode = msgspec.json.Encoder().encode


class Objects:
    """Makes events of lines. `always` stands in every event that does not say otherwise."""

    def __init__(self, settings: IntakeSettings, host: str, always: Mapping[str, Any],
                 *, with_address: bool) -> None:
        self._bodies = BodyReader(settings)
        self._host = host
        self._always = always
        self._with_address = with_address

    def read(self, line: bytes, now: int) -> Event | NoEvent:
        """The event in a line; one without a time of its own happened `now` (nanoseconds)."""
        if not is_utf8(line):
            return NOT_UTF8
        text = mend_surrogates(line)
        fault = self._bodies.fault(text)
        if fault is not None:
            return NoEvent(fault.message[0].lower() + fault.message[1:].removesuffix("."))
        try:
            values = decode_object(text)
        except BROKEN:
            return NO_JSON
        is_row = values.keys() >= _ROW
        if is_row:
            values = _without_made(values)
        created = _moment(values, ("created", "time", "created_at"))
        if "created_at" in values and "created" not in values:
            values["created"] = values.pop("created_at")
        received = _moment(values, ("received_at",))
        if received is not None:
            del values["received_at"]
        received = now // 10**6 if created is None and received is None else (
            created if received is None else received)
        assert received is not None
        address = self._address(values, is_row=is_row)
        server = values.pop("server", False) if isinstance(values.get("server"), bool) else False
        host = _text(values, "host") or self._host
        agent = _text(values, "agent")
        for name, value in self._always.items():
            if values.get(name) is None:
                values[name] = value
        return Event(received * 10**6, address, server, host, agent, _body(values))

    def _address(self, values: Values, *, is_row: bool) -> str:
        """The client's address; in a row the hash that was kept in place of one will do."""
        said = values.get("ip")
        if not isinstance(said, str):
            return ""
        address = canonical(said)
        if not address and is_row and len(said) <= _HASH_LENGTH and said.isascii():
            address = said
        if address or is_row:
            del values["ip"]
        return address if self._with_address else ""


def _without_made(row: Values) -> Values:
    """A row without what is unknown, and without what refining makes again."""
    return {name: value for name, value in row.items()
            if value is not None and value != "" and name not in _MADE}


def _moment(values: Values, names: tuple[str, ...]) -> int | None:
    """Milliseconds since 1970 of the first that is a time stores can hold."""
    for name in names:
        value = values.get(name)
        if value is not None:
            moment = read_time(value)
            if EARLIEST <= moment <= LATEST:
                return moment
    return None


def _text(values: Values, name: str) -> str:
    return str(values.pop(name)) if isinstance(values.get(name), str) else ""


def _body(values: Values) -> bytes:
    try:
        return _encode(values)
    except OverflowError:  # an integer of more than 64 bits
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
