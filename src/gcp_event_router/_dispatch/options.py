"""How a registration asks for its handler to be run: the keyword arguments of `EventRouter.on`, beside those that match events.

`router` makes them, `handler` keeps them, and the inbox follows them; without the inbox, only `name` has an effect.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from typing_extensions import TypedDict

from ..conf import MAX_ATTEMPTS
from ..exceptions import RegistrationError

_NAME_LENGTH = 255


class HandlerOptions(TypedDict, total=False):
    """The keyword arguments themselves; `Options` explains them."""

    name: str | None
    once: bool
    deferred: bool | None
    lease: timedelta | None
    max_attempts: int | None


@dataclass(frozen=True, slots=True)
class Options:
    """How a handler is run. Raises `RegistrationError` for unusable values."""

    #: Identifies the handler in the inbox, and survives a move of its code; by default its module and qualified name.
    name: str | None = None
    #: Whether the inbox applies its effects only once.
    once: bool = True
    #: Whether it runs after the answer to the sender; None for the value in the settings.
    deferred: bool | None = None
    #: The maximum duration of one run; None for the value in the settings.
    lease: timedelta | None = None
    #: The number of failed runs after which a delivery is parked; None for the value in the settings.
    max_attempts: int | None = None

    @classmethod
    def of(cls, given: HandlerOptions) -> Self:
        """The options that the keyword arguments say."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                msg = f"Unknown option {name}=. The options are payload=, ce_type=, {'=, '.join(known)}=."
                raise RegistrationError(msg)
        return cls(**given)

    def __post_init__(self) -> None:
        msg = None
        if not (self.name is None or _is_name(self.name)):
            msg = f"name={self.name!r} cannot identify a handler. Give 1 to {_NAME_LENGTH} printable characters."
        elif not _is_flag(self.once):
            msg = f"once={self.once!r} is neither True nor False. Choose one of them."
        elif not (self.deferred is None or _is_flag(self.deferred)):
            msg = f"deferred={self.deferred!r} is neither True nor False. Choose one of them."
        elif not (self.lease is None or _is_time(self.lease)):
            msg = f"lease must be a positive timedelta, not {self.lease!r}."
        elif not (self.max_attempts is None or _is_count(self.max_attempts)):
            msg = f"max_attempts must be a whole number from 1 to {MAX_ATTEMPTS}, not {self.max_attempts!r}."
        elif self.deferred and not self.once:
            msg = "deferred=True needs the inbox, which once=False bypasses. Leave one of them out."
        if msg is not None:
            raise RegistrationError(msg)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _NAME_LENGTH and value.isprintable()


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_ATTEMPTS


def _is_time(value: object) -> bool:
    return isinstance(value, timedelta) and value > timedelta(0)
