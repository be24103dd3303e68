"""What can go wrong with a delivery beside its handler, and what of an error may be kept."""

from __future__ import annotations

import json

from ..exceptions import EnvelopeError, EventRouterError, UnavailableError
from ..logs import trail
from ..outcomes import Outcome, classify, details, leaves

__all__ = ["LeaseLostError", "RolledBackError", "as_raised", "kept"]

_NAME_LENGTH = 255
_LENGTH = 4096
_READ_ONLY = "25006"
"""PostgreSQL's code for a server that takes no writes, such as one that just became a replica; an InternalError to Django."""


class LeaseLostError(EventRouterError):
    """Raised inside a handler's transaction, to undo it: its lease ended, and somebody else has the delivery."""


class RolledBackError(EventRouterError):
    """Raised when a handler had its transaction rolled back, and returned as if nothing were wrong."""


def as_raised(error: Exception) -> Exception:
    """The error as it is to be answered: one that means that the database is away is an `UnavailableError`."""
    for leaf in leaves(error):
        cause = leaf.__cause__
        if _READ_ONLY in {getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None)}:
            away = UnavailableError(reason="the database takes no writes")
            away.__cause__ = error
            return away
    return error


def kept(error: Exception) -> tuple[str, str]:
    """The type of an error, and what may be kept of it: what was invalid where, or the places it passed."""
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"[:_NAME_LENGTH]
    if isinstance(error, EnvelopeError):
        return name, str(error)[:_LENGTH]  # a text of ours, which quotes nothing
    if classify(error) is Outcome.INVALID and (listed := details(error)):
        return name, json.dumps(listed)[:_LENGTH]
    return name, trail(error)[:_LENGTH]
