"""Whether payments can be kept as they are: amounts, currencies and the list they come in."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from tracker import money
from tracker.errors import RequestRefused
from tracker.hit import BATCHES, Shape
from tracker.intake import values
from tracker.intake.body import Body, BodyReader, Fault, Refused, outline_of, settled
from tracker.settings import IntakeSettings

MOST_ITEMS = 1_000  # in one request
ITEM_KEYS = 40

_SHOWN = 40
_AMOUNTS = frozenset((*money.AMOUNTS, money.AMOUNT))
_QUANTITIES = frozenset(money.QUANTITIES)
_CURRENCY, _PAYMENTS = "currency", "payments"
_CHECKED = _AMOUNTS | _QUANTITIES | {_CURRENCY, _PAYMENTS}

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_value = msgspec.json.Decoder(float_hook=money.Number).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Found = tuple[Fault, str | None]
"""What is wrong, and with which field."""


class Payments:
    """Reads the bodies of payments and refuses what cannot be kept."""

    def __init__(self, settings: IntakeSettings) -> None:
        self._keys = settings.keys_per_event
        most = self._keys + MOST_ITEMS * ITEM_KEYS
        self.bodies = BodyReader(replace(settings, keys_per_event=most))

    def check(self, body: Body, link: Mapping[str, str]) -> Body:
        """The body without the payments that cannot be kept; of a batch the others go on.

        `link` are the values in path and query. Raises `RequestRefused`, naming the field.
        """
        if found := _of_pairs(link):
            _refuse(*found)
        if body.shape is Shape.FORM:
            if found := _of_pairs(values.all_from_form(body.data)):
                _refuse(*found)
            return body
        refused = {fault.index: fault for fault in body.refused}
        events, items = list(body.events), 0
        for index, text in enumerate(events):
            if text is None:
                continue
            members = _checked_members(text)
            listed = _listed(members)
            items += max(1, len(listed or ()))
            if items > MOST_ITEMS:
                raise RequestRefused(400, "too_many_payments", "The request holds more than"
                                     f" {MOST_ITEMS} payments; send them in parts.", _PAYMENTS)
            if found := self._of_keys(text, listed) or _of_members(members, listed):
                if body.shape not in BATCHES:
                    _refuse(*found)
                events[index] = None
                field = f"[{index}].{found[1]}" if found[1] else f"[{index}]"
                refused[index] = Refused(index, *found[0], field)
        if len(refused) == len(body.refused):
            return body
        faults = [refused[at] for at in sorted(refused)]
        return settled(body._replace(events=events, refused=faults))

    def _of_keys(self, text: bytes, listed: list[msgspec.Raw] | None) -> Found | None:
        """An event may have as many keys beside its payments as any other."""
        if text.count(b":") <= self._keys:
            return None
        inside = sum(_colons(bytes(raw)) for raw in listed or ())
        if _colons(text) - inside <= self._keys:
            return None
        return Fault("too_many_keys", f"An event has more than {self._keys} keys."), None


def _refuse(fault: Fault, field: str | None) -> None:
    raise RequestRefused(400, *fault, field)


def _of_pairs(pairs: Mapping[str, str]) -> Found | None:
    plain = ((name.lower().removeprefix("utm_"), value) for name, value in pairs.items())
    return _first((name, value) for name, value in plain if name in _CHECKED)


def _checked_members(text: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Members of an object that the door has found valid, as far as they are looked at."""
    try:
        members = _members(text)
    except _UNREADABLE:
        return {}
    return {name: raw for name, raw in members.items() if name.lower() in _CHECKED}


def _listed(members: Mapping[str, msgspec.Raw]) -> list[msgspec.Raw] | None:
    """The items of a list of payments; None where there is none."""
    for name, raw in members.items():
        if name.lower() == _PAYMENTS:
            try:
                return _elements(raw)
            except _UNREADABLE:
                return None
    return None


def _of_members(members: Mapping[str, msgspec.Raw],
                listed: list[msgspec.Raw] | None) -> Found | None:
    """What is wrong with an event, its items included."""
    plain = {name: raw for name, raw in members.items()
             if listed is None or name.lower() != _PAYMENTS}
    if found := _first((name, _read(raw)) for name, raw in plain.items()):
        return found
    for place, raw in enumerate(listed or ()):
        where = f"{_PAYMENTS}[{place}]"
        if bytes(raw)[:1] != b"{":
            return Fault("bad_payments", f"`{where}` must be a JSON object."), where
        if bytes(raw).count(b":") > ITEM_KEYS and _colons(bytes(raw)) > ITEM_KEYS:
            return Fault("too_many_keys", f"`{where}` has more than {ITEM_KEYS} keys."), where
        item = _checked_members(raw)
        if found := _first(((name, _read(member)) for name, member in item.items()), f"{where}."):
            return found
    return None


def _colons(text: bytes) -> int:
    """How many keys valid JSON has, at any depth."""
    return outline_of(text).count(b":")


def _read(raw: msgspec.Raw) -> Any:
    """A value; of one that cannot be read (a number of thousands of digits) its text."""
    try:
        return _value(raw)
    except _UNREADABLE:
        return money.Number(bytes(raw).decode("utf-8", "replace"))


def _first(pairs: Iterable[tuple[str, Any]], where: str = "") -> Found | None:
    for name, value in pairs:
        fault = _fault(name.lower(), value, f"{where}{name}")
        if fault is not None:
            return fault, f"{where}{name}"
    return None


def _fault(name: str, value: Any, field: str) -> Fault | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if name == _PAYMENTS:
        return Fault("bad_payments", f"`{field}` must be an array of JSON objects.")
    if name == _CURRENCY:
        return None if money.currency_code(value) else Fault(
            "bad_currency", f"`{field}` is {_shown(value)}, which is no currency of ISO 4217;"
            " write its code, such as EUR.")
    if name in _QUANTITIES:
        return None if money.is_number(value) else Fault(
            "bad_amount", f"`{field}` is {_shown(value)}, which is no number.")
    wrong = money.amount_fault(value)
    return None if wrong is None else Fault(
        "bad_amount", f"`{field}` is {_shown(value)}: that {wrong}.")


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "an object"
    text = str(value) if isinstance(value, money.Number) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
