"""A kind, or a type, that a glob matches: for commands that somebody is to copy. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .glob import Glob

__all__ = ["instance_of", "only_of"]

#: As `glob` reads a pattern: a sequence, in which a `]` that comes first is one of its characters; or a character.
_TOKEN: Final = re.compile(r"\[(!?+)(\]?+[^\]]*)\]|(.)", re.DOTALL)
_STAR: Final = "example"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


def instance_of(glob: Glob) -> str | None:
    """The plainest text that a glob matches; None if none is found."""
    made = "".join(_made(glob.pattern))
    return made if glob.matches(made) else None


def only_of(glob: Glob) -> str | None:
    """The one text that a glob matches; None if there may be several."""
    is_only = not re.search(r"[*?[]", re.sub(r"\[[*?[]\]", "", glob.pattern))
    return instance_of(glob) if is_only else None


def _made(pattern: str) -> Iterator[str]:
    for token in _TOKEN.finditer(pattern):
        negated, members, letter = token.groups()
        if letter is not None:
            yield {"*": _STAR, "?": "x"}.get(letter, letter)
        elif not negated:
            yield members[0]
        else:
            yield next((each for each in _LETTERS if Glob(f"[!{members}]").matches(each)), "~")
