"""The errors of a delivery itself, and the part of a handler's error that the inbox stores."""

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

_NAME_LENGTH = 255
_LENGTH = 4096
#: PostgreSQL's serialization failure and deadlock; MySQL's and MariaDB's deadlock, stale snapshot and cluster conflict.
_CONFLICTS = frozenset({"40001", "40P01", "1213", "1020", "3101"})


class LeaseLostError(EventRouterError):
    """Raised to undo a handler's transaction: its lease expired, and another worker has the delivery."""


class RolledBackError(EventRouterError):
    """Raised if a handler returned, but its transaction has ended or will be rolled back, as after a caught error."""


def is_conflict(error: BaseException) -> bool:
    """Whether a database undid a transaction because of another one, so that it can be repeated at once."""
    return code(error) in _CONFLICTS


class KeptError(NamedTuple):
    """The part of an error that the inbox stores."""

    #: The exception's type, with its module.
    type: str = ""
    #: Safe to show: the invalid fields, or the places that the exception passed.
    trail: str = ""
    #: The exception's text and traceback, which may quote the payload.
    text: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """The columns of a delivery with this error."""
        return {"error_type": self.type, "error": self.trail, "error_text": self.text}


def kept(error: Exception) -> KeptError:
    """Describe an error for storage; never raises."""
    settings = conf.current().INBOX
    vendor = connections[settings.DATABASE or router.db_for_write(Delivery)].vendor
    kind = type(error)
    name = storable(f"{kind.__module__}.{kind.__qualname__}", _NAME_LENGTH, vendor)
    if isinstance(error, EnvelopeError):
        return KeptError(name, storable(str(error), _LENGTH, vendor))  # our own text, which quotes nothing
    text = storable(text_of(error), LENGTH, vendor) if settings.ERROR_TEXT else ""
    if classify(error) is Outcome.INVALID and (invalid := details(error)):
        return KeptError(name, json.dumps(invalid)[:_LENGTH], text)
    return KeptError(name, storable(trail(error), _LENGTH, vendor), text)


def waited_too_long(longest: timedelta, error: KeptError) -> KeptError:
    """Describe the error of a delivery that is parked because all its runs ended like this for too long."""
    return error._replace(trail=f"no run ended in any other way for {longest}, the setting MAX_WAIT: {error.trail}"[:_LENGTH])
