"""Regular expressions in Go's syntax as Python's, or a clear error."""

import re
import warnings

from tracker.errors import ConfigError

_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": "\\x00-\\x7f", "blank": "\\t ",
    "cntrl": "\\x00-\\x1f\\x7f", "digit": "0-9", "graph": "!-~", "lower": "a-z",
    "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\t\\n\\v\\f\\r ", "upper": "A-Z",
    "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}
_TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)"
    r"|\\x\{(?P<code>[0-9A-Fa-f]{1,6})\}"
    r"|(?P<end>\\z)"
    r"|(?P<property>\\[pPCX])"
    r"|(?P<escape>\\.)"
    r"|(?P<name>\(\?<(?![=!]))"
    r"|(?P<ungreedy>\(\?[a-z]*U)"
    r"|(?P<flag>\(\?[A-Za-z-]*[aLux])"
    r"|(?P<posix>\[:(?P<class>[a-z]+):\])"
    r"|(?P<open>\[\^?\]?)|(?P<close>\])", re.DOTALL)


def compile_go(key: str, pattern: str) -> re.Pattern[str]:
    """The Python pattern that matches what `pattern` matches in Go."""
    translated = _Translation(key).translate(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(translated, re.ASCII)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise ConfigError(f"{key}: not a regular expression: {error}") from error


class _Translation:
    """Replaces what the two syntaxes write differently; `inside` is true within `[…]`."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._inside = False

    def translate(self, pattern: str) -> str:
        """`pattern` in Python's syntax."""
        return _TOKEN.sub(self._replace, pattern)

    def _replace(self, token: re.Match[str]) -> str:
        text = token[0]
        match token.lastgroup:
            case "quoted":
                text = re.escape(token["quoted"])
            case "code":
                text = f"\\U{int(token['code'], 16):08X}"
            case "property" | "ungreedy":
                raise ConfigError(f"{self._key}: {text} is not supported; write the letters as a"
                                  " class, or ? behind each repetition")
            case "flag" if not self._inside:
                raise ConfigError(f"{self._key}: {text}: the flags are i, m and s")
            case "open" | "close":
                text = self._bracket(text)
            case "posix" if self._inside:
                text = self._posix(token)
            case "end" if not self._inside:
                text = r"\Z"
            case "name" if not self._inside:
                text = "(?P<"
        return text

    def _bracket(self, text: str) -> str:
        if not self._inside:
            self._inside = text.startswith("[")
            return text
        self._inside = not text.endswith("]")
        return text.replace("[", r"\[")

    def _posix(self, token: re.Match[str]) -> str:
        letters = _POSIX.get(token["class"])
        if letters is None:
            raise ConfigError(f"{self._key}: {token[0]} is no class of characters")
        return letters
