"""What a body is, and whether it may pass: JSON, form or lines, within its bounds."""

import re
from array import array
from collections.abc import Callable
from itertools import accumulate, repeat
from typing import NamedTuple

import msgspec

from tracker.errors import RequestRefused
from tracker.hit import Shape
from tracker.lineitems import MOST_OBJECTS, MOST_REPEATED, Items
from tracker.settings import IntakeSettings

BOM = b"\xef\xbb\xbf"
SPACE = b" \t\r\n"
SHORTEST_KEY = 5  # bytes of `"":1,`
PEELED = 8  # levels that hardly an event is deeper than
MENDED = 200_000  # backslashes in a body that is worth the time
READABLE = 4  # times the depth bound: an array with deeper events is refused as a whole

REPEATED_BYTES = 64 << 20
"""What a head may come to when each event of a batch takes over what it says."""


class Fault(NamedTuple):
    """Why one event cannot be taken."""

    code: str
    message: str


class Refused(msgspec.Struct, frozen=True):
    """One event of a batch that is not taken; the client reads it like this."""

    index: int
    code: str
    message: str
    field: str | None


class Body(NamedTuple):
    """A body that may pass.

    `data`     what the hit keeps: decoded, without byte order mark
    `events`   the text of each event of a JSON body, None where it is refused
    """

    data: bytes
    shape: Shape
    events: list[bytes | None]
    refused: list[Refused]

    @property
    def size(self) -> int:
        """How many events it holds, refused ones too; a form, or nothing, is one."""
        return len(self.events) or 1


EMPTY = Body(b"", Shape.NONE, [], [])


class _Object(msgspec.Struct, gc=False):
    """Any JSON object: the whole text is checked and nothing of it built."""


_count, _starts = bytes.count, bytes.startswith
_check_object = msgspec.json.Decoder(_Object).decode
_split_array = msgspec.json.Decoder(list[msgspec.Raw]).decode

NOT_AN_OBJECT = Fault("not_an_object", "An event must be a JSON object.")


class BodyReader:
    """Tells what bodies are and holds them against the bounds."""

    def __init__(self, settings: IntakeSettings) -> None:
        self._depth = settings.json_depth
        self._keys = settings.keys_per_event
        self._events = settings.events_per_request

    def read(self, data: bytes, content_type: bytes) -> Body:
        """The body, or `RequestRefused`; a blank one has the shape NONE."""
        data = data.removeprefix(BOM)
        if not is_utf8(data):
            raise RequestRefused(400, "not_utf8", "The body is not UTF-8.")
        first = data.lstrip(SPACE)[:1]
        if b"ndjson" in content_type and first:
            return self._lines(data, lines_of(data))
        if first == b"{":
            return self._object(data)
        if first == b"[":
            return self._array(data)
        if not first:
            return EMPTY
        if content_type.startswith(b"application/x-www-form-urlencoded"):
            return self._form(data)
        raise RequestRefused(400, "not_json", "The body must be a JSON object, an array of objects,"
                             " one object a line, or a form with its content type.")

    def fault(self, text: bytes) -> Fault | None:
        """What is wrong with the text of one event, if anything."""
        try:
            _check_object(text)
        except RecursionError:
            return self._too_deep()
        except msgspec.ValidationError:
            return NOT_AN_OBJECT
        except msgspec.DecodeError as error:
            return Fault("not_json", f"Not valid JSON: {error}.")
        return self._beyond(text)

    def _beyond(self, text: bytes) -> Fault | None:
        """Which bound a valid event passes; cheap counts first, which most stay below."""
        deep = text.count(b"{") + text.count(b"[") > self._depth
        wide = len(text) > SHORTEST_KEY * self._keys and text.count(b":") > self._keys
        if not deep and not wide:
            return None
        outline = outline_of(text)
        if depth_of(outline) > self._depth:
            return self._too_deep()
        if outline.count(b":") > self._keys:
            return Fault("too_many_keys", f"An event has more than {self._keys} keys.")
        return None

    def _too_deep(self) -> Fault:
        return Fault("too_deep", f"An event is nested deeper than {self._depth} levels.")

    def _object(self, data: bytes) -> Body:
        fault = self.fault(data)
        if fault is None:
            return Body(data, Shape.OBJECT, [data], [])
        if fault.code in {"not_json", "too_deep"}:
            lines = lines_of(data)
            if self._looks_like_lines(lines):
                return self._lines(data, lines)
        if fault.code == "not_json" and (mended := mend_surrogates(data)) != data:
            return self._object(mended)
        raise RequestRefused(400, *fault)

    def _array(self, data: bytes) -> Body:
        try:
            elements = _split_array(data)
        except RecursionError:
            raise RequestRefused(400, *self._too_deep()) from None
        except msgspec.DecodeError as error:
            if (mended := mend_surrogates(data)) != data:
                return self._array(mended)
            raise RequestRefused(400, "not_json", f"Not valid JSON: {error}.") from None
        self._hold_count(len(elements))
        texts = [bytes(raw) for raw in elements]
        if self._are_plain(data, texts):
            return Body(data, Shape.ARRAY, [*texts], [])
        return self._batch(data, Shape.ARRAY, texts, self._fault_of_element)

    def _are_plain(self, data: bytes, texts: list[bytes]) -> bool:
        """Whether all are objects that no bound can be passed by; the common case, in few steps."""
        # All brackets might stand in one of them. To see that there is but the array's own is
        # quick, to count them takes as long as half of all else here.
        brackets = 1 if data.rfind(b"[") == data.find(b"[") else data.count(b"[")
        deepest = self._depth - brackets
        return (max(map(len, texts)) <= SHORTEST_KEY * self._keys
                and max(map(_count, texts, repeat(b"{"))) <= deepest
                and all(map(_starts, texts, repeat(b"{"))))

    def _fault_of_element(self, text: bytes) -> Fault | None:
        """Like `fault` for text that is known to be JSON."""
        fault = self._beyond(text)
        if fault is None:
            return None if text.startswith(b"{") else NOT_AN_OBJECT
        # Whoever reads the array later must get past this element too.
        if fault.code == "too_deep" and depth_of(outline_of(text)) > READABLE * self._depth:
            raise RequestRefused(400, *fault)
        return fault

    def _lines(self, data: bytes, lines: list[bytes]) -> Body:
        self._hold_count(len(lines))
        mended = mend_surrogates(data)
        if mended != data:
            return self._lines(mended, lines_of(mended))
        return self._batch(data, Shape.NDJSON, lines, self.fault)

    def _looks_like_lines(self, lines: list[bytes]) -> bool:
        """An object printed over several lines and broken somewhere is not a batch."""
        return len(lines) > 1 and (self.fault(lines[0]) is None
                                   or all(line.lstrip().startswith(b"{") for line in lines))

    def _batch(self, data: bytes, shape: Shape, texts: list[bytes],
               fault_of: Callable[[bytes], Fault | None]) -> Body:
        events: list[bytes | None] = []
        refused = []
        for index, text in enumerate(texts):
            fault = fault_of(text)
            if fault is not None:
                refused.append(Refused(index, *fault, f"[{index}]"))
            events.append(text if fault is None else None)
        return settled(Body(data, shape, events, refused))

    def _hold_count(self, count: int) -> None:
        if count > self._events:
            raise RequestRefused(413, "too_many_events", f"The body holds {count} events; at most"
                                 f" {self._events} are taken at once.")
        if not count:
            raise RequestRefused(400, "empty_batch", "The array holds no event.")

    def _form(self, data: bytes) -> Body:
        if data.count(b"&") >= self._keys:
            raise RequestRefused(400, "too_many_keys",
                                 f"The form has more than {self._keys} fields.")
        return Body(data, Shape.FORM, [], [])


def settled(body: Body) -> Body:
    """A batch of which something can be taken; raises `RequestRefused` when nothing can."""
    if len(body.refused) == len(body.events):
        worst = body.refused[0]
        raise RequestRefused(400, worst.code, f"None of the {body.size} events can be taken;"
                             f" the first: {worst.message}", worst.field)
    return body


def hold_repetition(events: int, head_bytes: int) -> None:
    """A small body must not become gigabytes of rows by way of a long head."""
    if events * head_bytes > REPEATED_BYTES:
        raise RequestRefused(
            413, "head_too_large_for_batch", f"Each event takes over what the head says: {events}"
            f" events times {head_bytes} bytes is more than {REPEATED_BYTES}; send fewer events at"
            " once, or shorter headers and cookies.")


def hold_items(items: Items) -> None:
    """Nor by way of line items of payments, which take over what their event says."""
    if items.count > MOST_OBJECTS:
        raise RequestRefused(413, "too_many_items", f"The payments hold {items.count} objects;"
                             f" at most {MOST_OBJECTS} are taken at once.", "payments")
    if items.repeated > MOST_REPEATED:
        raise RequestRefused(
            413, "too_many_items", f"Each line item takes over what its event and the head say:"
            f" {items.count} line items come to {items.repeated} bytes of that, and at most"
            f" {MOST_REPEATED} are taken; send fewer at once, or say less beside them.",
            "payments")


def lines_of(data: bytes) -> list[bytes]:
    """The lines of NDJSON; blank ones do not count, not even in indexes."""
    return [line for line in data.splitlines() if not line.isspace() and line]


def is_utf8(data: bytes) -> bool:
    """Whether all of `data` is UTF-8, as the JSON reader does not look at text it skips."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}:"))


def outline_of(text: bytes) -> bytes:
    """Brackets (all made square) and colons of valid JSON, without those in strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2]).translate(_SQUARE, _NO_BRACKET)


def depth_of(outline: bytes) -> int:
    """How deep brackets nest: levels are peeled from inside, what is left is walked through."""
    brackets = outline.replace(b":", b"")
    for peeled in range(PEELED):
        if not brackets:
            return peeled
        brackets = brackets.replace(b"[]", b"")
    steps = array("b", brackets.translate(_STEPS))
    return PEELED + max(accumulate(steps), default=0)


_STEPS = bytes.maketrans(b"[]", b"\x01\xff")  # read as signed bytes: in and out

_HALF_OR_PAIR = re.compile(rb"\\u[dD][89a-fA-F]").search
_HALVES = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
                     rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|\\)").sub


def mend_surrogates(text: bytes) -> bytes:
    r"""Half surrogate pairs (`\ud83d` alone) made U+FFFD: a script cut its text amid an emoji.

    JSON allows them, UTF-8 does not, and the reader refuses them.
    """
    if _HALF_OR_PAIR(text) is None or text.count(b"\\") > MENDED:
        return text
    return _HALVES(lambda found: rb"\ufffd" if found[1] else found[0], text)
