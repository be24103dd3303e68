"""One difference between what was taken and what is."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

__all__ = ["Change"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    #: Where: the kind, then the field.
    place: str
    #: What is different now; one clause.
    what: str
    is_breaking: bool

    @override
    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what
