"""Knows the names of registered handlers, and finds deliveries for names that are not registered.

A renamed handler leaves deliveries behind under its old name. Workers pass over them, and log that once.
"""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Final

from django.db.models import Count, QuerySet

from .._boxes.states import OPEN
from .._dispatch.lookup import GivenTraits, find_everywhere, registered_everywhere
from .._dispatch.options import Options
from .._log import logger
from ..envelopes import Envelope
from .leases import DeliveryTerms, delivery_terms, numbered, terms_of
from .models import Delivery

#: The most warnings of a process.
_MAX_LOGGED: Final = 1_000
#: What was logged in this process: an unregistered name, or a registered one and a kind that it does not handle.
logged: set[tuple[str, str]] = set()


def event_terms(kind: str, envelope: Envelope | None) -> Mapping[str, DeliveryTerms]:
    """Return the terms of the handlers for an event, by their names in the inbox; none if it cannot be read."""
    routers = () if envelope is None else find_everywhere(kind, envelope)
    return {terms.handler: terms for router in routers for terms in delivery_terms(router).values()}


class Names:
    """The registered names of the handlers whose work is done once, at one moment."""

    def __init__(self) -> None:
        registrations = [registration for registration in registered_everywhere() if registration.handler.options.once]
        names: dict[str, set[str]] = {}
        self._options: dict[str, Options] = {}
        for registration in registrations:
            numbers = names.setdefault(registration.handler.name, set())
            name = numbered(registration.handler.name, len(numbers) + 1)
            numbers.add(name)
            self._options[name] = registration.handler.options
        by_event = (names[entry.handler.name] for entry in registrations if entry.ce_type is not None or entry.attributes)
        self.known: frozenset[str] = frozenset(self._options)
        self._by_event: frozenset[str] = frozenset().union(*by_event)
        self._terms: dict[str, DeliveryTerms] = {}
        self._by_kind: dict[str, frozenset[str]] = {}
        #: Unregistered names that have deliveries.
        self._unknown: set[str] = set()

    def may_run(self, name: str, kind: str) -> bool:
        """Whether a handler may take events of a kind. For handlers of types or attributes, only the event itself can tell."""
        if name not in self.known:
            self._unknown.add(name)
            return False
        if kind not in self._by_kind:
            routers = find_everywhere(kind, GivenTraits())
            self._by_kind[kind] = frozenset(terms.handler for router in routers for terms in delivery_terms(router).values())
        return name in self._by_event or name in self._by_kind[kind]

    def terms(self, name: str, kind: str) -> DeliveryTerms | None:
        """Return the terms of a handler that may take events of a kind; None if only the event can tell whether it does."""
        if name not in self._by_kind[kind]:
            return None
        if name not in self._terms:
            self._terms[name] = terms_of(name, self._options[name])
        return self._terms[name]

    def worth_reading(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Exclude deliveries for the unknown names so far."""
        return rows.exclude(handler__in=sorted(self._unknown)) if self._unknown else rows

    def warn_unhandled(self, name: str, kind: str) -> str | None:
        """Warn, once for each name and process, that nobody runs these deliveries. Returns the sentence the first time."""
        is_known = name in self.known
        place = (name, kind if is_known else "")
        if place in logged or len(logged) >= _MAX_LOGGED:
            return None
        logged.add(place)
        problem = f"does not handle events of kind {kind!r}" if is_known else "is not registered"
        text = (
            f"Deliveries wait for the handler {name!r}, which {problem}, so nobody runs them. If its name has changed, "
            f"run `manage.py inbox rename {quote(name)} NEW`; if nobody needs them, discard them."
        )
        logger.warning("%s", text)
        return text


def unregistered(alias: str) -> Mapping[str, int]:
    """Count the waiting deliveries of each unregistered name, the largest number first."""
    waiting = Delivery.objects.using(alias).filter(deferred=True, state__in=OPEN).exclude(handler="")
    counts = waiting.order_by().values_list("handler").annotate(number=Count("pk"))
    known = Names().known
    return dict(sorted((pair for pair in counts if pair[0] not in known), key=lambda pair: (-pair[1], pair[0])))
