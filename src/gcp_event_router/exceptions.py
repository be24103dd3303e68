"""Every error that this package raises, sorted by whose fault it is.

Read by `outcomes`, which gives each an answer, and by users who catch them. Three families: the project's configuration,
the sender's request, and the registration of a handler. What a handler itself raises stays what it is; `Retry` and
`Reject`, which handlers raise on purpose, are in `outcomes`.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from typing_extensions import TypedDict

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
    "too_many",
]


class EventRouterError(Exception):
    """The base of all errors of this package."""


class ConfigurationError(EventRouterError, ImproperlyConfigured):
    """Raised when a setting, or what a setting names, cannot be used."""


class RegistrationError(EventRouterError, TypeError):
    """Raised on the line that registers something which could never be called rightly."""


class GlobError(EventRouterError, ValueError):
    """Raised when a pattern of kinds cannot be read, or could never match."""


class SenderError(EventRouterError):
    """Raised when a request cannot be turned into an event, through no fault of the project."""


class EnvelopeError(SenderError, ValueError):
    """Raised when a body is not in the form that it claims, or cannot be read to its end."""


class UnsupportedMediaTypeError(EnvelopeError):
    """Raised when an event, or its data, is in a format that is not read."""


class UndecodableBodyError(EnvelopeError):
    """Raised when a body is not JSON, although its Content-Type says so."""


class InvalidPubSubMessageError(EnvelopeError):
    """Raised when a Pub/Sub message does not hold what Pub/Sub's documentation says that it holds."""


class BodyTooLargeError(SenderError):
    """Raised when a body is over `GCP_EVENT_ROUTER["MAX_BODY_SIZE"]`."""


class UnhandledEventError(SenderError):
    """Raised when nothing handles a kind and `GCP_EVENT_ROUTER["UNHANDLED"]` is `"error"`."""


class ErrorDetail(TypedDict):
    """One entry of the `errors` in a 400 answer: where, what, and which kind of error; never the value."""

    loc: list[str | int]
    msg: str
    type: str


class InvalidEventError(SenderError):
    """Raised when a payload or parameters do not fit the type that a handler declares.

    `errors` may leave the process: it holds no value of the payload, and is bounded in length.
    """

    def __init__(self, part: str, errors: Sequence[ErrorDetail], count: int) -> None:
        super().__init__(f"invalid {part}: {count} error(s)")
        self.part = part
        self.errors: tuple[ErrorDetail, ...] = tuple(errors)
        self.count = count


class BusyError(EventRouterError):
    """Raised when another worker is at the same work; `after` is how many seconds the sender should wait."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after


class StrayCancellationError(EventRouterError):
    """Raised in place of a `CancelledError` or `GeneratorExit` that a handler raised although nobody cancelled it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} was raised, but nobody cancelled the task that handles the event, so it counts as any other failure. "
            "Catch it where it arises, or raise an ordinary exception."
        )


class PullError(EventRouterError):
    """Raised when a subscription cannot be pulled from; says what to do."""


class DocumentFileError(EventRouterError):
    """Raised for a file that is no document of what a site receives; says what to do."""


class PostError(EventRouterError):
    """Raised for a URL that no event can be posted to; says what to write."""


class Answer(EventRouterError):  # noqa: N818 -- it says what to answer, not what went wrong
    """The base of what a handler raises on purpose: `Retry` and `Reject`, in `outcomes`."""


class RefusalError(EventRouterError):
    """The base of an authenticator's ways to say no.

    Args:
        args: For who debugs: logged at DEBUG only.
        reason: Why, in words that the log's line shows at WARNING. Put nothing of the request into them, unless its sender
            cannot have made it up; what may be of any length or hold a newline, shorten and write with `%r`.

    """

    def __init__(self, *args: object, reason: str = "") -> None:
        super().__init__(*args)
        self.reason = reason


class AuthenticationError(RefusalError):
    """Raised by an authenticator for missing or bad credentials: 401."""


class ForbiddenError(RefusalError):
    """Raised by an authenticator for good credentials of somebody who may not send here: 403."""


class UnavailableError(RefusalError):
    """Raised when something that we need to decide is away for now: 503, so that the sender tries again."""


#: How many errors an answer lists. Listing all of 200,000 would take longer than validating.
MAX_ERRORS = 20


def too_many(count: int, more: str) -> ErrorDetail:
    """The entry that stands for errors which are not listed."""
    return {"loc": [], "msg": f"{count} {more}errors", "type": "too_many_errors"}


class DocumentError(UndecodableBodyError):
    """Raised for a body that plain receivers cannot be given, or that is for no handler: nobody was called.

    Who sent the event logs it, and keeps it where events are kept.
    """

    def __init__(self, reason: EnvelopeError) -> None:
        super().__init__(str(reason))
        #: What was wrong with it.
        self.reason = reason
