"""What a registration says of how its handler is run, beside what it handles: the keyword arguments of `EventRouter.on`.

`router` makes them, `handler` keeps them, and the inbox goes by them; without the inbox, only `name` means anything.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from typing_extensions import TypedDict

from ..conf import MAX_ATTEMPTS
from ..exceptions import RegistrationError

__all__ = ["HandlerOptions", "Options"]

_NAME_LENGTH = 255


class HandlerOptions(TypedDict, total=False):
    """The keyword arguments themselves; what they mean is said by `Options`."""

    name: str | None
    once: bool
    deferred: bool | None
    lease: timedelta | None
    max_attempts: int | None


@dataclass(frozen=True, slots=True)
class Options:
    """How a handler is run. Raises `RegistrationError` for what cannot be kept."""

    #: What the inbox knows the handler by; its module and qualified name unless it is given, which then survives a move.
    name: str | None = None
    #: Whether the inbox makes sure that its effects happen once.
    once: bool = True
    #: Whether it runs after the sender is answered; None for what the settings say.
    deferred: bool | None = None
    #: How long one run may take; None for what the settings say.
    lease: timedelta | None = None
    #: After how many failed runs it is given up; None for what the settings say.
    max_attempts: int | None = None

    @classmethod
    def of(cls, given: HandlerOptions) -> Self:
        """The options that the keyword arguments say."""
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                msg = f"on() is given {name}=, which it does not know. It takes payload=, ce_type=, {'=, '.join(known)}=."
                raise RegistrationError(msg)
        return cls(**given)

    def __post_init__(self) -> None:
        problem = None
        if not (self.name is None or _is_name(self.name)):
            problem = f"name={self.name!r}, which is no name. Give 1 to {_NAME_LENGTH} printable characters."
        elif not _is_flag(self.once):
            problem = f"once={self.once!r}, which is neither True nor False. Choose one of them."
        elif not (self.deferred is None or _is_flag(self.deferred)):
            problem = f"deferred={self.deferred!r}, which is neither True nor False. Choose one of them."
        elif not (self.lease is None or _is_time(self.lease)):
            problem = f"lease={self.lease!r}, which is no time to work in. Give a positive timedelta."
        elif not (self.max_attempts is None or _is_count(self.max_attempts)):
            problem = (
                f"max_attempts={self.max_attempts!r}, which is no number of runs. Give a whole number from 1 to {MAX_ATTEMPTS}."
            )
        elif self.deferred and not self.once:
            problem = "deferred=True and once=False, and what is deferred is kept in the inbox. Leave one of them out."
        if problem is not None:
            msg = f"on() is given {problem}"
            raise RegistrationError(msg)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _NAME_LENGTH and value.isprintable()


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_ATTEMPTS


def _is_time(value: object) -> bool:
    return isinstance(value, timedelta) and value > timedelta(0)
