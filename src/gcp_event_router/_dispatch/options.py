"""How a handler is run: keyword arguments of `EventRouter.on`. The inbox follows them; without it, only `name` has an effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from datetime import timedelta
from typing import Self

from typing_extensions import TypedDict

from ..conf import MAX_ATTEMPTS
from ..exceptions import RegistrationError

_NAME_LENGTH = 255


class _RunOptions(TypedDict, total=False):
    name: str | None
    once: bool
    deferred: bool | None
    lease: timedelta | None
    max_attempts: int | None


# ty accepts unknown options unless the dict is closed, which old releases of mypy do not know.
class HandlerOptions(_RunOptions, total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The keyword arguments, for type checkers; `Options` explains them."""


class OnOptions(_RunOptions, total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The same, and the attributes of the events."""

    attributes: Mapping[str, str] | None


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
    def of(cls, arguments: HandlerOptions, *others: str) -> Self:
        """Make the options from the keyword arguments; `others` are the names of what the caller takes besides."""
        known = [field.name for field in fields(cls)]
        for name in arguments:
            if name not in known:
                msg = f"Unknown option {name}=. The options are {'=, '.join([*others, *known])}=."
                raise RegistrationError(msg)
        return cls(**arguments)

    def __post_init__(self) -> None:
        name, once, deferred, lease, attempts = astuple(self)
        msg = None
        if not (name is None or (isinstance(name, str) and 0 < len(name) <= _NAME_LENGTH and name.isprintable())):
            msg = f"name={name!r} cannot identify a handler. Give 1 to {_NAME_LENGTH} printable characters."
        elif not isinstance(once, bool):
            msg = f"once={once!r} is neither True nor False. Choose one of them."
        elif not isinstance(deferred, bool | None):
            msg = f"deferred={deferred!r} is neither True nor False. Choose one of them."
        elif not (lease is None or (isinstance(lease, timedelta) and lease > timedelta(0))):
            msg = f"lease must be a positive timedelta, not {lease!r}."
        elif not (attempts is None or (type(attempts) is int and 0 < attempts <= MAX_ATTEMPTS)):
            msg = f"max_attempts must be a whole number from 1 to {MAX_ATTEMPTS}, not {attempts!r}."
        elif deferred and not once:
            msg = "deferred=True needs the inbox, which once=False bypasses. Leave one of them out."
        if msg is not None:
            raise RegistrationError(msg)
