"""What we tell the sender: one enum, one table to HTTP statuses, and the two exceptions by which a handler chooses.

`_dispatch` notes an outcome for each handler, `views` answers with the worst of them.

Pub/Sub, its emulator, Eventarc, Cloud Tasks and Cloud Scheduler read 200 and 201 in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum
from math import ceil
from typing import Final, cast

from django.core.exceptions import ValidationError

from ._database_errors import is_away
from .exceptions import (
    MAX_ERRORS,
    Answer,
    AuthenticationError,
    BodyTooLargeError,
    BusyError,
    EnvelopeError,
    ErrorDetail,
    ForbiddenError,
    InvalidEventError,
    UnavailableError,
    UnhandledEventError,
    UnsupportedMediaTypeError,
    too_many,
)

__all__ = ["ACKNOWLEDGED", "Outcome", "Reject", "Retry", "classify", "details", "leaves", "of_responses", "retry_after", "worst"]

#: The statuses on which Pub/Sub acknowledges, by its documentation of push subscriptions. It redelivers on all others.
ACKNOWLEDGED: Final = frozenset({102, 200, 201, 202, 204})


class Outcome(Enum):
    """What became of an event, from the best to the worst: of several handlers' outcomes the worst is answered."""

    HANDLED = "handled"
    UNHANDLED = "unhandled"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    PARKED = "parked"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    BUSY = "busy"
    RETRY = "retry"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    TOO_LARGE = "too large"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"

    @property
    def status(self) -> int:
        """The HTTP status that says it. `GCP_EVENT_ROUTER["FAILURE_STATUS"]` may say another one for `FAILED`."""
        return _STATUSES[self]

    @property
    def acknowledged(self) -> bool:
        """Whether the sender takes it as done and will not send it again."""
        return self.status in ACKNOWLEDGED


_STATUSES = {
    Outcome.HANDLED: 201,
    Outcome.UNHANDLED: 201,
    Outcome.DUPLICATE: 200,
    Outcome.REJECTED: 200,
    Outcome.PARKED: 200,
    Outcome.INVALID: 400,
    Outcome.UNSUPPORTED: 415,
    Outcome.BUSY: 409,
    Outcome.RETRY: 503,
    Outcome.UNAVAILABLE: 503,
    Outcome.FAILED: 400,
    Outcome.TOO_LARGE: 413,
    Outcome.FORBIDDEN: 403,
    Outcome.UNAUTHENTICATED: 401,
}
_RANK = {outcome: rank for rank, outcome in enumerate(Outcome)}


class Retry(Answer):
    """Raised by a handler that cannot do its work yet: the sender is asked to send the event again.

    Answered 503, with `Retry-After` when `after` is given, and logged at INFO: waiting is not an error. Cloud Tasks reads
    `Retry-After`; Pub/Sub follows the retry policy of its subscription.

    Args:
        reason: For people; it is logged at DEBUG only and never sent.
        after: How long the sender should wait.

    """

    def __init__(self, reason: str = "", after: timedelta | None = None) -> None:
        super().__init__(reason)
        _check_reason("Retry", reason)
        _check_wait(after)
        self.after = after


def _check_reason(name: str, reason: object) -> None:
    if not isinstance(reason, str):
        msg = f"{name}({reason!r}) has a reason of type {type(reason).__name__}, which is not text. Write {name}('why')."
        if isinstance(reason, timedelta):
            msg = f"{name}({reason!r}) has a time for a reason. Write Retry('why', after=...)."
        raise TypeError(msg)


def _check_wait(after: object) -> None:
    if after is None:
        return
    if not isinstance(after, timedelta):
        msg = f"Retry(after={after!r}) is not a timedelta, so its unit is unknown. Write timedelta(seconds={after!r})."
        raise TypeError(msg)
    if after < timedelta(0):
        msg = f"Retry(after={after!r}) lies in the past, and a sender cannot wait for that. Give a positive timedelta."
        raise ValueError(msg)


class Reject(Answer):
    """Raised by a handler for an event that it will never accept: it is acknowledged, and not sent again.

    Answered 200 and logged at WARNING. `reason` is for people; it is logged at DEBUG only and never sent.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        _check_reason("Reject", reason)


_CLASSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Outcome], ...] = (
    (Reject, Outcome.REJECTED),
    (Retry, Outcome.RETRY),
    (UnsupportedMediaTypeError, Outcome.UNSUPPORTED),
    ((InvalidEventError, EnvelopeError, UnhandledEventError, ValidationError), Outcome.INVALID),
    (UnavailableError, Outcome.UNAVAILABLE),
    (BusyError, Outcome.BUSY),
    (BodyTooLargeError, Outcome.TOO_LARGE),
    (ForbiddenError, Outcome.FORBIDDEN),
    (AuthenticationError, Outcome.UNAUTHENTICATED),
)


def classify(error: BaseException) -> Outcome:
    """The outcome that an exception stands for. A group stands for the worst of what it holds."""
    return worst(_classify(leaf) for leaf in leaves(error))


def _classify(error: BaseException) -> Outcome:
    for classes, outcome in _CLASSES:
        if isinstance(error, classes):
            return outcome
    return Outcome.UNAVAILABLE if is_away(error) else Outcome.FAILED


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The one outcome to answer with; `HANDLED` where there is none."""
    return max(outcomes, key=_RANK.__getitem__, default=Outcome.HANDLED)


def of_responses(responses: Iterable[tuple[object, object]]) -> Outcome:
    """The outcome of an event, from what the receivers of its signal returned; plain ones return what they like."""
    found = [response for _, response in responses if isinstance(response, Outcome)]
    return found[0] if len(found) == 1 else worst(found)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that a group holds, at any depth; or the exception itself."""
    left = [error]
    while left:  # and no recursion, which might end in the middle of noting what went wrong
        current = left.pop()
        if isinstance(current, BaseExceptionGroup):
            left.extend(reversed(cast("BaseExceptionGroup[BaseException]", current).exceptions))
        else:
            yield current


def retry_after(error: BaseException) -> int | None:
    """The seconds for `Retry-After`: the longest that anything in `error` asks for, or None."""
    waits = [leaf.after.total_seconds() for leaf in leaves(error) if isinstance(leaf, Retry) and leaf.after is not None]
    waits += [leaf.after for leaf in leaves(error) if isinstance(leaf, BusyError)]
    return ceil(max(waits)) if waits else None


def details(error: BaseException) -> list[ErrorDetail]:
    """What the answer may say of validation errors: where and what, without any value that was sent; bounded in length."""
    found: list[ErrorDetail] = []
    for leaf in leaves(error):
        if isinstance(leaf, InvalidEventError):
            found.extend(leaf.errors)
        elif isinstance(leaf, ValidationError):
            found.extend(_django_details(leaf))
    if len(found) > MAX_ERRORS + 1:
        found[MAX_ERRORS:] = [too_many(len(found) - MAX_ERRORS, "more ")]
    return found


def _django_details(error: ValidationError) -> Iterator[ErrorDetail]:
    """Messages as they were written in the code: `params`, which hold values, are not filled in."""
    if hasattr(error, "error_dict"):
        for field, errors in error.error_dict.items():
            for inner in errors:
                yield {"loc": [field], "msg": str(inner.message), "type": str(inner.code or "invalid")}
    else:
        for inner in error.error_list:
            yield {"loc": [], "msg": str(inner.message), "type": str(inner.code or "invalid")}
