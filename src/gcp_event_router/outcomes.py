"""The outcomes of events, their HTTP statuses, and the two exceptions with which a handler chooses an outcome.

`_dispatch` determines the outcome of each handler, and `views` answers with the worst of them. Pub/Sub, its emulator, Eventarc,
Cloud Tasks and Cloud Scheduler treat 200 and 201 alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum
from math import ceil
from typing import Final, cast

from django.core.exceptions import ValidationError

from ._database_errors import is_away
from ._frames import leaves
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
    NotDueError,
    UnavailableError,
    UnhandledEventError,
    UnsupportedMediaTypeError,
    too_many,
)

#: The statuses that acknowledge a message, by Pub/Sub's documentation of push subscriptions. It redelivers after all others.
ACKNOWLEDGED: Final = frozenset({102, 200, 201, 202, 204})

_STATUSES: Final = {
    "handled": 201,
    "unhandled": 201,
    "duplicate": 200,
    "rejected": 200,
    "parked": 200,
    "invalid": 400,
    "unsupported": 415,
    "busy": 409,
    "retry": 503,
    "unavailable": 503,
    "failed": 400,
    "too large": 413,
    "forbidden": 403,
    "unauthenticated": 401,
}


class Outcome(Enum):
    """What became of an event, from best to worst. The worst outcome of an event's handlers is its answer."""

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

    def __init__(self, value: str) -> None:
        #: The HTTP status of the answer. `GCP_EVENT_ROUTER["FAILURE_STATUS"]` may change that of `FAILED`.
        self.status: Final[int] = _STATUSES[value]
        #: Whether the sender will not send the event again.
        self.acknowledged: Final[bool] = self.status in ACKNOWLEDGED


_RANK = {outcome: rank for rank, outcome in enumerate(Outcome)}


class Retry(Answer):
    """Raised by a handler that cannot do its work yet, so that the sender sends the event again.

    Answered 503, with `Retry-After` if `after` is not None, and logged at INFO, since waiting is not an error. Cloud Tasks reads
    `Retry-After`; Pub/Sub follows the retry policy of its subscription. With the inbox, the handler does not run before
    that time, even if the event is sent earlier.

    Args:
        reason: For people; logged at DEBUG only and never sent.
        after: How long the sender should wait.

    Raises:
        TypeError: `after` is not a timedelta, or is given as the reason.
        ValueError: `after` is negative.

    """

    #: How long the sender should wait; None also in a subclass whose `__init__` does not call this one.
    after: timedelta | None = None

    def __init__(self, reason: str = "", after: timedelta | None = None) -> None:
        super().__init__(reason)
        if isinstance(cast("object", reason), timedelta):
            msg = f"Retry({reason!r}) has a timedelta as its reason. Write Retry('why', after=...)."
            raise TypeError(msg)
        if after is not None and not isinstance(cast("object", after), timedelta):
            msg = f"Retry(after={after!r}) is not a timedelta, so its unit is unknown. Write timedelta(seconds={after!r})."
            raise TypeError(msg)
        if after is not None and after < timedelta(0):
            msg = f"Retry(after={after!r}) is negative, and a sender cannot wait for the past. Give a timedelta from 0."
            raise ValueError(msg)
        self.after = after


class Reject(Answer):
    """Raised by a handler for an event that it will never accept; the event is acknowledged, and not sent again.

    Answered 200 and logged at WARNING. `reason` is for people: it is logged at DEBUG only and never sent.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)


_CLASSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Outcome], ...] = (
    (Reject, Outcome.REJECTED),
    ((Retry, NotDueError), Outcome.RETRY),
    (UnsupportedMediaTypeError, Outcome.UNSUPPORTED),
    ((InvalidEventError, EnvelopeError, UnhandledEventError, ValidationError), Outcome.INVALID),
    (UnavailableError, Outcome.UNAVAILABLE),
    (BusyError, Outcome.BUSY),
    (BodyTooLargeError, Outcome.TOO_LARGE),
    (ForbiddenError, Outcome.FORBIDDEN),
    (AuthenticationError, Outcome.UNAUTHENTICATED),
)


def classify(error: BaseException) -> Outcome:
    """Return the outcome of an exception; of a group, the worst of its exceptions."""
    return worst(_classify(leaf) for leaf in leaves(error))


def _classify(error: BaseException) -> Outcome:
    for classes, outcome in _CLASSES:
        if isinstance(error, classes):
            return outcome
    return Outcome.UNAVAILABLE if is_away(error) else Outcome.FAILED


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome to answer with; `HANDLED` if there are none."""
    return max(outcomes, key=_RANK.__getitem__, default=Outcome.HANDLED)


def of_responses(responses: Iterable[tuple[object, object]]) -> Outcome:
    """Return the outcome of an event from the responses of its signal's receivers; plain receivers may return anything."""
    return worst(response for _, response in responses if isinstance(response, Outcome))


def retry_after(error: BaseException) -> int | None:
    """The seconds for `Retry-After`: the longest wait that `error` asks for, or None."""
    waits = [leaf.after.total_seconds() for leaf in leaves(error) if isinstance(leaf, Retry) and leaf.after is not None]
    waits += [leaf.after for leaf in leaves(error) if isinstance(leaf, (BusyError, NotDueError))]
    return ceil(max(waits)) if waits else None


def details(error: BaseException) -> list[ErrorDetail]:
    """Describe validation errors for the answer: place and problem, without any value; bounded in length."""
    errors: list[ErrorDetail] = []
    for leaf in leaves(error):
        if isinstance(leaf, InvalidEventError):
            errors.extend(leaf.errors)
        elif isinstance(leaf, ValidationError):
            errors.extend(_django_details(leaf))
    if len(errors) > MAX_ERRORS + 1:
        errors[MAX_ERRORS:] = [too_many(len(errors) - MAX_ERRORS, "more ")]
    return errors


def _django_details(error: ValidationError) -> Iterator[ErrorDetail]:
    """The messages without `params`, which hold values."""
    fields = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
    for field, errors in fields.items():
        for inner in errors:
            loc: list[str | int] = [field] if field else []
            yield {"loc": loc, "msg": str(inner.message), "type": str(inner.code or "invalid")}
