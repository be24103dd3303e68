"""What can go wrong with a delivery beside its handler, and what of an error may be kept."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import NamedTuple

from django.db import connections, router

from .. import conf
from .._database_errors import code
from .._log import trail
from ..exceptions import EnvelopeError, EventRouterError
from ..outcomes import Outcome, classify, details
from .models import Delivery
from .texts import LENGTH, storable, text_of

__all__ = ["KeptError", "LeaseLostError", "RolledBackError", "is_conflict", "kept", "waited_too_long"]

_NAME_LENGTH = 255
_LENGTH = 4096

_CONFLICTS = frozenset({"40001", "40P01", "1213", "1020", "3101"})
"""PostgreSQL's serialization failure and deadlock; a deadlock, a stale snapshot and a cluster's conflict of MySQL or MariaDB."""


class LeaseLostError(EventRouterError):
    """Raised inside a handler's transaction, to undo it: its lease ended, and somebody else has the delivery."""


class RolledBackError(EventRouterError):
    """Raised when a handler returned, but its transaction was ended or is to be rolled back, as after an error that it caught."""


def is_conflict(error: BaseException) -> bool:
    """Whether a database undid a transaction for the sake of another one, so that it may be begun anew at once."""
    return code(error) in _CONFLICTS


class KeptError(NamedTuple):
    """What the inbox keeps of an error."""

    #: The exception's type, with its module.
    type: str = ""
    #: What is safe to show: what was invalid where, or the places that the exception passed.
    trail: str = ""
    #: The exception's text and traceback, which may quote the payload.
    text: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """The columns of a delivery that hold it."""
        return {"error_type": self.type, "error": self.trail, "error_text": self.text}


def kept(error: Exception) -> KeptError:
    """What to keep of an error; never raises, whatever the error is like."""
    settings = conf.current().INBOX
    vendor = connections[settings.DATABASE or router.db_for_write(Delivery)].vendor
    kind = type(error)
    name = storable(f"{kind.__module__}.{kind.__qualname__}", _NAME_LENGTH, vendor)
    if isinstance(error, EnvelopeError):
        return KeptError(name, storable(str(error), _LENGTH, vendor))  # a text of ours, which quotes nothing
    text = storable(text_of(error), LENGTH, vendor) if settings.ERROR_TEXT else ""
    if classify(error) is Outcome.INVALID and (listed := details(error)):
        return KeptError(name, json.dumps(listed)[:_LENGTH], text)
    return KeptError(name, storable(trail(error), _LENGTH, vendor), text)


def waited_too_long(longest: timedelta, error: KeptError) -> KeptError:
    """The error of a delivery that was given up since all its runs have ended so, for longer than the setting allows."""
    return error._replace(trail=f"no run ended in any other way for {longest}, the setting MAX_WAIT: {error.trail}"[:_LENGTH])
