"""SQL cut into words, strings, names and marks."""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """What a piece of SQL is."""

    SPACE = "space"  # also comments
    TEXT = "text"  # a string in single quotes or between dollar tags
    NAME = "name"  # an identifier in back-quotes or double quotes
    WORD = "word"  # a bare identifier or keyword
    NUMBER = "number"
    MARK = "mark"  # anything else, one character


class Token(NamedTuple):
    """A piece of SQL as written, and where it begins."""

    kind: Kind
    text: str
    start: int


_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<text>'(?:[^'\\]|\\.|'')*(?:'|\Z)|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
    |(?P<name>`(?:[^`\\]|\\.|``)*(?:`|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z))
    |(?P<number>\d\w*)
    |(?P<word>[^\W\d]\w*)
    |(?P<mark>.)""", re.DOTALL | re.VERBOSE)

_KINDS: Final = {kind.value: kind for kind in Kind} | {"tag": Kind.TEXT}

_ESCAPE: Final = re.compile(r"\\(.)|``|\"\"", re.DOTALL)


def tokens(sql: str) -> Iterator[Token]:
    """All of `sql`, in order; joined again the pieces are `sql`."""
    for match in _TOKEN.finditer(sql):
        yield Token(_KINDS[match.lastgroup or ""], match[0], match.start())


def plain_name(token: Token) -> str:
    """The identifier that a WORD or NAME stands for."""
    if token.kind is not Kind.NAME:
        return token.text
    return _ESCAPE.sub(lambda escape: escape.group(1) or escape.group()[0], token.text[1:-1])


def statements(sql: str) -> Iterator[str]:
    """The statements of a script, without the semicolons between them and without empty ones."""
    start, filled = 0, False
    for token in tokens(sql):
        if token.text == ";" and token.kind is Kind.MARK:
            if filled:
                yield sql[start:token.start].strip()
            start, filled = token.start + 1, False
        elif token.kind is not Kind.SPACE:
            filled = True
    if filled:
        yield sql[start:].strip()
