"""What a registration says of how its handler is run, beside what it handles: the keyword arguments of `EventRouter.on`.

`router` makes them, `handlers` keeps them, and the inbox goes by them; without the inbox, only `name` means anything.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Final, Self

from typing_extensions import TypedDict

from .exceptions import RegistrationError

__all__ = ["MAX_ATTEMPTS", "HandlerOptions", "Options"]

#: What the inbox can count.
MAX_ATTEMPTS: Final = 32_767
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
        name, lease, attempts = self.name, self.lease, self.max_attempts
        problem = None
        if name is not None and not (0 < len(name) <= _NAME_LENGTH and name.isprintable()):
            problem = f"name={name!r}, which is no name. Give 1 to {_NAME_LENGTH} printable characters."
        elif lease is not None and not _is_time(lease):
            problem = f"lease={lease!r}, which is no time to work in. Give a positive timedelta."
        elif attempts is not None and (not 0 < attempts <= MAX_ATTEMPTS):
            problem = f"max_attempts={attempts!r}, which is no number of runs. Give a whole number from 1 to {MAX_ATTEMPTS}."
        elif self.deferred and not self.once:
            problem = "deferred=True and once=False, and what is deferred is kept in the inbox. Leave one of them out."
        if problem is not None:
            msg = f"on() is given {problem}"
            raise RegistrationError(msg)


def _is_time(value: object) -> bool:
    return isinstance(value, timedelta) and value > timedelta(0)
