"""Makes a readable text that a glob matches, for commands that people copy."""

from __future__ import annotations

from typing import Final

from .glob import Glob, is_literal, tokens

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
#: The length of a sequence of one character, such as `[*]`.
_ESCAPED: Final = 3


def instance_of(glob: Glob) -> str | None:
    """Return a plain text that a glob matches; None if the search fails."""
    text = "".join(map(_instance, tokens(glob.pattern)))
    return text if glob.matches(text) else None


def only_of(glob: Glob) -> str | None:
    """Return the one text that a glob matches; None if there may be several."""
    has_one = all(is_literal(token) or len(token) == _ESCAPED for token in tokens(glob.pattern))
    return instance_of(glob) if has_one else None


def _instance(token: str) -> str:
    if len(token) == 1:
        return {"*": "example", "?": "x"}.get(token, token)
    if token[1] != "!":
        return token[1]
    return next((letter for letter in _LETTERS if Glob(token).matches(letter)), "~")
