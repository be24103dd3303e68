"""Every error that this package raises: for the project's configuration, its registrations, and the sender's request.

`outcomes` maps errors to answers, and has `Retry` and `Reject`, which handlers raise on purpose. A handler's own exceptions stay
as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from django.core.exceptions import ImproperlyConfigured
from typing_extensions import TypedDict

from ._words import counted

__all__ = [
    "MAX_ERRORS",
    "Answer",
    "AuthenticationError",
    "BodyTooLargeError",
    "BusyError",
    "ConfigurationError",
    "DocumentError",
    "EnvelopeError",
    "ErrorDetail",
    "EventRouterError",
    "ForbiddenError",
    "GlobError",
    "InvalidEventError",
    "InvalidPubSubMessageError",
    "PullError",
    "RefusalError",
    "RegistrationError",
    "SenderError",
    "StrayCancellationError",
    "UnavailableError",
    "UndecodableBodyError",
    "UnhandledEventError",
    "UnsupportedMediaTypeError",
    "take_error",
    "too_many",
]


class EventRouterError(Exception):
    """The base of all errors of this package."""


class ConfigurationError(EventRouterError, ImproperlyConfigured):
    """Raised if the project has to change: a setting, an object that a setting names, an annotation, or what is installed."""


class RegistrationError(EventRouterError, TypeError):
    """Raised on the line that registers what could never work: a function, an option, a kind, middleware or a router."""


class GlobError(EventRouterError, ValueError):
    """Raised if a pattern, such as one of kinds, is missing or malformed, or could never match."""


class SenderError(EventRouterError):
    """Raised if a request does not make an event, which is the sender's fault."""


class EnvelopeError(SenderError, ValueError):
    """Raised if a body does not have the form that it claims, or is incomplete."""


class UnsupportedMediaTypeError(EnvelopeError):
    """Raised if an event, or its data, has an unsupported format."""


class UndecodableBodyError(EnvelopeError):
    """Raised if a body is not JSON, although its Content-Type says so."""


class InvalidPubSubMessageError(EnvelopeError):
    """Raised if a Pub/Sub message differs from Pub/Sub's documentation."""


class BodyTooLargeError(SenderError):
    """Raised if a body is longer than `GCP_EVENT_ROUTER["MAX_BODY_SIZE"]`, or than a signature's `max_body`."""


class UnhandledEventError(SenderError):
    """Raised if no handler takes a kind and `GCP_EVENT_ROUTER["UNHANDLED"]` is `"error"`."""


class ErrorDetail(TypedDict):
    """One entry of the `errors` in a 400 answer: the place, the problem and its type; never the value."""

    loc: list[str | int]
    msg: str
    type: str


class InvalidEventError(SenderError):
    """Raised if a payload or parameters do not fit the type that a handler declares.

    The answer to the sender may contain `errors`: it has a limited length, and no value of the payload.
    """

    def __init__(self, part: str, errors: Sequence[ErrorDetail], count: int) -> None:
        super().__init__(f"invalid {part}: {counted(count, 'error')}")
        #: `"payload"` or `"parameters"`.
        self.part: str = part
        #: At most 20 errors, and one that says how many more there are.
        self.errors: tuple[ErrorDetail, ...] = tuple(errors)
        #: The number of all errors.
        self.count: int = count


class BusyError(EventRouterError):
    """Raised if another worker is running the same delivery; the sender should wait `after` seconds."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after


class NotDueError(EventRouterError):
    """Raised if a delivery has to wait for its next run; the sender should wait `after` seconds."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after


class StrayCancellationError(EventRouterError):
    """Replaces a `CancelledError` or `GeneratorExit` of a handler that nobody cancelled."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} was raised, but nobody cancelled the task that handles the event, so it counts as any other failure. "
            "Catch it where it arises, or raise an ordinary exception."
        )


class PullError(EventRouterError):
    """Raised if a subscription cannot be pulled."""


class DocumentFileError(EventRouterError):
    """Raised for a file that is not a document of a site's events."""


class PostError(EventRouterError):
    """Raised for a URL that cannot receive an event."""


class Answer(EventRouterError):  # noqa: N818 -- it is an answer, not an error
    """The base of `Retry` and `Reject`, which handlers raise on purpose; see `outcomes`."""


class RefusalError(EventRouterError):
    """The base of the errors with which an authenticator refuses a request.

    Args:
        args: Details for debugging, logged at DEBUG only.
        reason: Why, logged at WARNING. Quote nothing of the request that its sender may have invented; shorten other text,
            and write it with `%r`.

    """

    #: Why; empty also in a subclass whose `__init__` does not call this one.
    reason: str = ""

    def __init__(self, *args: object, reason: str = "") -> None:
        super().__init__(*args)
        self.reason = reason


class AuthenticationError(RefusalError):
    """Raised by an authenticator for missing or bad credentials: 401."""


class ForbiddenError(RefusalError):
    """Raised by an authenticator for valid credentials without permission to send here: 403."""


class UnavailableError(RefusalError):
    """Raised if a service that the decision needs is unavailable: 503, so that the sender tries again."""


#: How many errors an answer lists. Listing 200,000 would take longer than validation itself.
MAX_ERRORS = 20


def too_many(count: int, more: str) -> ErrorDetail:
    """Make the entry for the errors that the answer does not list."""
    return {"loc": [], "msg": f"{count} {more}errors", "type": "too_many_errors"}


def take_error(errors: list[Exception], message: str) -> Exception:
    """Return the error to raise, several as a group, and empty the list, to which the frames in their tracebacks refer."""
    error = errors[0] if len(errors) == 1 else ExceptionGroup(message, list(errors))
    errors.clear()
    return error


class DocumentError(UndecodableBodyError):
    """Raised before any handler runs, for an event whose form or whose body, which plain receivers need, cannot be read.

    The endpoint logs the event, and stores it if the inbox is installed.
    """

    def __init__(self, reason: EnvelopeError) -> None:
        super().__init__(str(reason))
        self._reason = reason

    @property
    def reason(self) -> EnvelopeError:
        """The problem, without a traceback, whose frames might refer to this error."""
        return copy(self._reason)
