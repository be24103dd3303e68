"""The errors of a delivery itself, and the description of a handler's error."""

from __future__ import annotations

from django.db import connections

from .. import conf
from .._boxes.stored_errors import StoredError, describe
from ..exceptions import EventRouterError
from .database import database


class LeaseLostError(EventRouterError):
    """Raised to undo a handler's transaction: its lease expired, and another worker has the delivery."""


class RolledBackError(EventRouterError):
    """Raised if a handler returned, but its transaction has ended or will be rolled back, as after a caught error."""

    def __init__(self) -> None:
        """Explain what handlers do to a transaction."""
        super().__init__(
            "When the handler returned, its transaction had ended, or could only be rolled back. Leave its end to the inbox, "
            "and catch an error of the database only around an atomic block of your own."
        )


class ErasedEventError(EventRouterError):
    """The result of a replay of an erased event, of which nothing is left that could run."""

    def __init__(self) -> None:
        """Explain why nothing runs."""
        super().__init__("The event was erased, so nothing can run it again.")


def describe_error(error: Exception) -> StoredError:
    """Describe an error for storage; never raises."""
    return describe(error, connections[database()].vendor, with_text=conf.current().INBOX.ERROR_TEXT)
