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


class ErasedEventError(EventRouterError):
    """The result of a replay of an erased event, of which nothing is left that could run."""

    def __init__(self) -> None:
        """Explain why nothing runs."""
        super().__init__("The event was erased, so nothing can run it again.")


def describe_error(error: Exception) -> StoredError:
    """Describe an error for storage; never raises."""
    return describe(error, connections[database()].vendor, with_text=conf.current().INBOX.ERROR_TEXT)
