"""The default transport: hands events to the handlers of this project."""

from __future__ import annotations

from typing import Final

from django.apps import apps
from django.db import connections
from typing_extensions import override

from ...event import Principal
from ...outcomes import classify
from ...pulling.destinations import deliver_push
from ..models import OutgoingEvent
from .base import NotAcknowledgedError, Transport
from .pushes import push_of
from .transport_options import refuse

__all__ = ["Local"]

#: The sender of the events, as handlers see it.
_PRINCIPAL: Final = Principal("outbox")


class Local(Transport):
    """Hands events to the handlers and receivers of this process, through the inbox where it is installed.

    An event arrives as Pub/Sub would push it, with its id for the reference, so that nothing but the setting changes when a
    project moves to Pub/Sub. If its handlers do not acknowledge it, the relay sends it again; the inbox runs those that are not
    done. Authenticators are not asked: the principal is `Principal("outbox")`.

    The relay's own thread runs one handler after the other, so slow work belongs in deferred handlers.
    """

    concurrency: int = 0

    def __init__(self) -> None:
        """Raise `ConfigurationError` if the app `gcp_event_router` is not installed."""
        if not apps.is_installed("gcp_event_router"):  # each event would count as sent
            problem = "hands events to handlers, and the app that finds them is not installed"
            refuse(self, problem, 'Add "gcp_event_router" to INSTALLED_APPS.')

    @override
    def send(self, event: OutgoingEvent) -> str:
        """Handle an event to its end. Raises the exceptions of its handlers, unless they acknowledge it, as `Reject` does."""
        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred:  # in an earlier event; within a transaction, this does nothing
                connection.close_if_unusable_or_obsolete()
        try:
            outcome = deliver_push(type(self), event.kind, str(event.key), push_of(event), _PRINCIPAL)
        except Exception as error:
            if not classify(error).acknowledged:
                raise
        else:
            if not outcome.acknowledged:
                raise NotAcknowledgedError(outcome.value)
        return ""
