"""How a handler is run: keyword arguments of `EventRouter.on`. The inbox follows them; without it, only `name` has an effect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Generic, NamedTuple, Self, cast

from typing_extensions import TypedDict

from ..backoff import Backoff
from ..conf import MAX_ATTEMPTS
from ..exceptions import RegistrationError
from .event_key import ORDERING_KEY, KeyFunction, KeyOf, OrderingKey, PayloadT, problem_of
from .signature import name_of

_NAME_LENGTH = 255


class _RunOptions(TypedDict, total=False):
    name: str | None
    once: bool
    once_for: timedelta | None
    deferred: bool | None
    lease: timedelta | None
    max_attempts: int | None
    retry: Backoff | None


# ty accepts unknown options unless the dict is closed, which old releases of mypy do not know.
class HandlerOptions(_RunOptions, total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The keyword arguments, for type checkers; `Options` explains them."""

    order_by: OrderingKey | None


class _RouteOptions(_RunOptions, total=False):
    attributes: Mapping[str, str] | None


class OnOptions(_RouteOptions, total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The same, and the attributes of the events."""

    order_by: OrderingKey | None


class _Keys(TypedDict, Generic[PayloadT], total=False):
    once_key: KeyOf[PayloadT] | None
    order_by: KeyOf[PayloadT] | OrderingKey | None


class KeyedFallback(_RunOptions, _Keys[PayloadT], total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The options of a fallback, with the functions that find the keys of an event with a payload."""


class Keyed(_RouteOptions, _Keys[PayloadT], total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The options of `on`, with the same."""


class Options(NamedTuple):
    """How a handler is run."""

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
    #: When a failed run is tried again; None for the value in the settings.
    retry: Backoff | None = None
    #: Finds the business key of an event: the effects happen once for each key, however many events have it.
    once_key: KeyFunction | None = None
    #: How long a key is kept after the effects; None for the setting `RETENTION`.
    once_for: timedelta | None = None
    #: Finds the key of an event by which deliveries are ordered: those with the same key run one after the other.
    order_by: KeyFunction | OrderingKey | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Any], *others: str) -> Self:
        """Make the options from the keyword arguments; `others` are the names of what the caller takes besides.

        Raises `RegistrationError` for unknown names and for unusable values.
        """
        if not arguments:
            return cast("Self", DEFAULTS)
        for name in arguments:
            if name not in cls._fields:
                from difflib import get_close_matches  # noqa: PLC0415 -- a start without mistakes does not need it

                known = [*others, *cls._fields]
                close = get_close_matches(name, known, 1)
                advice = f"Did you mean {close[0]}=? " if close else ""
                msg = f"Unknown option {name}=. {advice}The options are {'=, '.join(known)}=."
                raise RegistrationError(msg)
        options = cls(**arguments)
        problem = options._wrong_value() or options._contradiction()
        if problem is not None:
            raise RegistrationError(problem)
        return options

    @property
    def order(self) -> str:
        """What `order_by` is, for people: `"ordering_key"` or a function's name; "" without it."""
        if self.order_by is None or isinstance(self.order_by, str):
            return self.order_by or ""
        name = name_of(self.order_by)
        return "a lambda" if name.endswith("<lambda>") else name

    @property
    def needs_inbox(self) -> bool:
        """Whether an option has no effect without the inbox."""
        return bool(self.deferred or self.lease or self.max_attempts or self.retry or self.once_key or self.order_by)

    def _wrong_value(self) -> str | None:
        name: Any = self.name
        once: Any = self.once
        deferred: Any = self.deferred
        attempts: Any = self.max_attempts
        retry: Any = self.retry
        if not (name is None or (isinstance(name, str) and 0 < len(name) <= _NAME_LENGTH and name.isprintable())):
            return f"name={name!r} cannot identify a handler. Give 1 to {_NAME_LENGTH} printable characters."
        if not isinstance(once, bool):
            return f"once={once!r} is neither True nor False. Choose one of them."
        if not isinstance(deferred, bool | None):
            return f"deferred={deferred!r} is neither True nor False. Choose one of them."
        if not (attempts is None or (type(attempts) is int and 0 < attempts <= MAX_ATTEMPTS)):
            return f"max_attempts must be a whole number from 1 to {MAX_ATTEMPTS}, not {attempts!r}."
        if not isinstance(retry, Backoff | None):
            how = "retry=Backoff(first=timedelta(seconds=5))"
            return f"retry={retry!r} is not a Backoff, so nobody knows how long to wait. Give one, such as {how}."
        times = {"lease": self.lease, "once_for": self.once_for}
        return next(
            (f"{name} must be a positive timedelta, not {time!r}." for name, time in times.items() if not _is_time(time)), None
        )

    def _contradiction(self) -> str | None:
        if self.deferred and not self.once:
            return "deferred=True needs the inbox, which once=False bypasses. Leave one of them out."
        if self.retry is not None and not self.once:
            return "retry needs the inbox, which once=False bypasses. Leave one of them out."
        if self.once_for and self.once_key is None:
            how = "Add once_key, or leave once_for out."
            return f"once_for is how long a key is kept, and without once_key there is none. {how}"
        for name, function in (("once_key", self.once_key), ("order_by", self.order_by)):
            if function is not None and not self.once:
                return f"{name} needs the inbox, which once=False bypasses. Leave one of them out."
            if function is not None and (name, function) != ("order_by", ORDERING_KEY):
                problem = problem_of(name, function)
                if problem is not None:
                    return problem
        return None


def _is_time(value: object) -> bool:
    return value is None or (isinstance(value, timedelta) and value > timedelta(0))


#: Shared by all handlers that are registered without options.
DEFAULTS: Final = Options()
