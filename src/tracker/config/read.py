"""From the text of a config file to checked values under the names of their keys."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from tracker.config.keys import HINTS, Form, Key, Status
from tracker.errors import ConfigError

Values = dict[str, object]

_MARK = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WHOLE_MARK = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HALF = r"holds half of a letter, as \ud83d alone is"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def parse(text: str) -> dict[str, object]:
    """The JSON object in `text`; the error names line and column."""
    try:
        tree = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
                          ) from error
    except ValueError as error:  # a number of thousands of digits
        raise ConfigError(f"not JSON: {error}") from error
    except RecursionError:
        raise ConfigError("nested too deep") from None
    if not _is_whole(json.dumps(tree, ensure_ascii=False)):
        raise ConfigError(f"{_HALF}; write the letter itself")
    if not isinstance(tree, dict):
        raise ConfigError("must be a JSON object: { \"Key\": value, … }")
    return tree


def _is_whole(text: str) -> bool:
    """Whether `text` holds no half of a surrogate pair, which no file name or URL can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names: dict[str, str] = {}
    for name, _ in pairs:
        if name.lower() in names:
            raise ConfigError(f"{name}: stands twice (first as {names[name.lower()]}); keep one")
        names[name.lower()] = name
    return dict(pairs)


def _refuse_constant(name: str) -> object:
    raise ConfigError(f"{name} is not a JSON number")


def is_off(service: Mapping[str, object]) -> bool:
    """Whether a service's name ends in `_`, or it says `Skip`."""
    plain = {name.lower(): value for name, value in service.items()}
    return str(plain.get("service", "")).endswith("_") or plain.get("skip") is True


class Reader:
    """Matches names without regard to case, fills marks, checks forms, and gathers warnings."""

    def __init__(self, environ: Mapping[str, str], directory: Path) -> None:
        self._environ = environ
        self._directory = directory
        self._later: list[str] = []
        self._warnings: list[str] = []

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a start says about the file; nothing of it stops the start."""
        if not self._later:
            return tuple(self._warnings)
        return (*self._warnings, f"no effect in this version: {', '.join(self._later)}")

    def warn(self, warning: str) -> None:
        """Add a warning."""
        self._warnings.append(warning)

    def section(self, tree: Mapping[str, object], keys: Sequence[Key], where: str = "",
                live: bool = True) -> Values:
        """The values of `tree` that are given and not null, by the names of `keys`.

        In a section that is not `live` (a service that is off) nothing is filled or warned about.
        """
        known = {key.name.lower(): key for key in keys}
        values: Values = {}
        for name, value in tree.items():
            key = known.get(name.lower())
            if key is None:
                raise ConfigError(f"{where}{name}: unknown key{_nearest(name, keys)}")
            if value is not None:
                values[key.name] = self._value(key, value, where + key.name, live)
        return values

    def _value(self, key: Key, value: object, where: str, live: bool) -> object:
        if key.status in (Status.LATER, Status.RETIRED):
            if live and value != key.default and value not in ("", 0, False, [], {}):
                self._note(key, where)
            return value
        value, filled = self._filled(value, where, live)
        if key.form is Form.SECTION and isinstance(value, dict):
            return self.section(value, key.keys, f"{where}.", live)
        if key.form is Form.SECTIONS and _is_list_of(value, dict):
            return [self.section(item, key.keys, f"{where}[{at}].", live and not is_off(item))
                    for at, item in enumerate(_items(value))]
        return _checked(key, value, where, filled)

    def _note(self, key: Key, where: str) -> None:
        if key.status is Status.LATER:
            self._later.append(where)
        else:
            self._warnings.append(f"{where}: retired: {key.about}; remove it")

    def _filled(self, value: object, where: str, live: bool) -> tuple[object, bool]:
        """`value` with marks filled and a file read; and whether anything was."""
        if isinstance(value, dict) and [name.lower() for name in value] == ["file"]:
            return self._secret(next(iter(value.values())), where, live), True
        if isinstance(value, list):
            return [self._filled(item, where, live)[0] for item in value], False
        if not isinstance(value, str):
            return value, False
        whole = _WHOLE_MARK.fullmatch(value)
        if whole is not None:
            return self._variable(whole[1], where, live), True
        filled = _MARK.sub(lambda mark: self._variable(mark[1], where, live), value)
        return filled, filled != value

    def _variable(self, name: str, where: str, live: bool) -> str:
        value = self._environ.get(name)
        if value is None and live:
            raise ConfigError(f"{where}: the environment variable {name} is not set")
        if value and not _is_whole(value):
            raise ConfigError(f"{where}: the environment variable {name} is not UTF-8")
        return value or ""

    def _secret(self, name: object, where: str, live: bool) -> str:
        if not isinstance(name, str):
            raise ConfigError(f"{where}: File must be the path of a file, as text")
        if not live:
            return ""
        path = self._directory / name
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: cannot read {path}: {_reason(error)}") from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8"


def _nearest(name: str, keys: Sequence[Key]) -> str:
    names = {key.name.lower(): key.name for key in keys}
    hint = HINTS.get(name.lower())
    if hint is not None and hint.lower() in names:
        return f"; {hint} does this"
    near = get_close_matches(name.lower(), list(names), n=1, cutoff=0.5)
    return f"; did you mean {names[near[0]]}?" if near else "; remove it"


def _is_list_of(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _items(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def _checked(key: Key, value: object, where: str, filled: bool) -> object:
    if filled and isinstance(value, str):
        value = _unquoted(key.form, value)
    if isinstance(value, float) and key.form is Form.INTEGER and value.is_integer():
        value = int(value)
    if not _FITS[key.form](value):
        raise ConfigError(f"{where}: must be {key.form.value}, not {_shown(value)}")
    if key.least is not None and isinstance(value, int | float) and value < key.least:
        raise ConfigError(f"{where}: must be at least {key.least:g}, not {value}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 63


_FITS: dict[Form, Callable[[object], bool]] = {
    Form.TEXT: lambda value: isinstance(value, str),
    Form.FLAG: lambda value: isinstance(value, bool),
    Form.INTEGER: lambda value: _is_number(value) and isinstance(value, int),
    Form.NUMBER: _is_number,
    Form.TEXTS: lambda value: _is_list_of(value, str),
    Form.SECTION: lambda value: isinstance(value, dict),
    Form.SECTIONS: lambda value: _is_list_of(value, dict),
    Form.NUMBERS: lambda value: isinstance(value, dict) and all(
        isinstance(item, str) or _is_number(item) for item in value.values()),
    Form.ANY: lambda _: True,
}


def _unquoted(form: Form, value: str) -> object:
    """A value from the environment or a file, in the form that its key takes."""
    if form is Form.FLAG:
        return _FLAGS.get(value.lower(), value)
    if form in (Form.INTEGER, Form.NUMBER):
        try:
            number = float(value)
        except ValueError:
            return value
        return int(value) if value.lstrip("+-").isdecimal() else number
    return value


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
