"""Bodies that ask for short URLs: one as JSON, many as JSON or CSV."""

import csv
import io
import re
from typing import Any

import msgspec

from tracker.errors import RequestRefused
from tracker.registry.calls import DERIVED, UNSET, Wish
from tracker.registry.links import MOST_AT_ONCE

_PLACE = re.compile(r"(?s)(.*?)(?: - at `\$(?:\[(\d+|\.\.\.)\])?(?:\.(\w+))?`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_BARE: dict[str, Any] = dict.fromkeys(DERIVED, UNSET)
_EXAMPLE = '{"urlfrom": "https://…", "urlto": "https://…"}'
_one = msgspec.json.Decoder(Wish).decode
_many = msgspec.json.Decoder(list[Wish]).decode


def read_one(body: bytes) -> Wish:
    """The link that a JSON object asks for; raises `RequestRefused`."""
    _hold_content(body, f"a JSON object: {_EXAMPLE}")
    try:
        return _bare(_one(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(error) from None


def read_many(body: bytes, content_type: str) -> list[Wish]:
    """The links of a JSON array, or of CSV with a line of names; raises `RequestRefused`."""
    _hold_content(body, f"a JSON array of links: [{_EXAMPLE}], or CSV with a line of names on top")
    if content_type.partition(";")[0].strip().lower() == "text/csv":
        return _read_csv(body)
    try:
        return [*map(_bare, _many(body))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(error) from None


def _hold_content(body: bytes, wanted: str) -> None:
    if not body.strip():
        raise RequestRefused(400, "empty_body", f"The body is empty; send {wanted}.")


def _bare(wish: Wish) -> Wish:
    """Without what is not read: any JSON may stand there, and not all of it can be passed on."""
    return msgspec.structs.replace(wish, **_BARE)


def _explained(error: Exception) -> RequestRefused:
    if not isinstance(error, msgspec.ValidationError):
        return RequestRefused(400, "not_json", "The body is not valid JSON.")
    found = _PLACE.fullmatch(str(error))
    assert found is not None
    what, index, field = found.groups()
    if unknown := _UNKNOWN.fullmatch(what):
        field, what = unknown[1][:100], f"there is no `{unknown[1][:100]}`"
    elif missing := _MISSING.fullmatch(what):
        field, what = missing[1], f"`{missing[1]}` is missing"
    elif field:
        what = f"`{field}`: {what[0].lower()}{what[1:]}"
    where = f"link {index}: " if index and index.isdigit() else ""
    return RequestRefused(400, "link_refused", f"{where}{what}.", field)


def _read_csv(body: bytes) -> list[Wish]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestRefused(400, "not_utf8", "The body is not UTF-8.") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    wishes: list[Wish] = []
    try:
        names = [name.strip() for name in next(rows, [])]
        for row in rows:
            if not row:
                continue
            if len(row) != len(names):
                raise RequestRefused(400, "link_refused", f"Line {rows.line_num} of the CSV has"
                                     f" {len(row)} values, but there are {len(names)} names.")
            wishes.append(_wish(dict(zip(names, row, strict=True)), rows.line_num))
            if len(wishes) > MOST_AT_ONCE:
                break
    except csv.Error as error:
        raise RequestRefused(400, "not_csv", f"Line {rows.line_num} is no CSV: {error}.") from None
    return wishes


def _wish(values: dict[str, str], line: int) -> Wish:
    """An empty cell says nothing."""
    given: dict[str, Any] = {name: value for name, value in values.items() if value != ""}
    if "pass_query" in given:
        given["pass_query"] = _FLAGS.get(given["pass_query"].strip().lower(), given["pass_query"])
    for name in ("max_clicks", "expires"):
        text = given.get(name, "").strip()
        if text.isdecimal():
            given[name] = int(text[:20])  # what is longer is too large in any case
    try:
        return _bare(msgspec.convert(given, Wish))
    except msgspec.ValidationError as error:
        refused = _explained(error)
        raise RequestRefused(refused.status, refused.code, f"line {line}: {refused.message}",
                             refused.field) from None


