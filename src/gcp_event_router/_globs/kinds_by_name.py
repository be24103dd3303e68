"""Kinds by their names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Never, TypeVar

T = TypeVar("T")


class KindsByName(dict[str, T]):
    """The declared kinds; the error of an unknown name suggests another one."""

    def __missing__(self, name: object) -> Never:
        close = get_close_matches(name, self) if isinstance(name, str) else []
        hint = f"Did you mean {close[0]!r}?" if close else "Declare it with `events.kind(name, Model)`."
        msg = f"No kind {name!r} is declared. {hint}"
        raise KeyError(msg)
