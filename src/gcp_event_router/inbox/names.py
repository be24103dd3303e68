"""Knows the names of registered handlers, and finds deliveries for names that are not registered.

A renamed handler leaves deliveries behind under its old name. Workers pass over them, and log that once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from shlex import quote
from typing import Final

from django.db.models import Count, QuerySet

from .._dispatch.lookup import find_everywhere, registered_everywhere
from .._log import logger
from .leases import delivery_terms, numbered
from .models import OPEN, Delivery

#: How many names a query may contain; with more, deliveries are filtered in Python.
_MAX_IN_QUERY: Final = 500
_REMEMBERED: Final = 10_000
#: What was logged in this process: an unregistered name, or a registered one and a kind that it does not handle.
logged: set[tuple[str, str]] = set()


class Names:
    """The registered names of the handlers that the inbox governs, at one moment."""

    def __init__(self) -> None:
        registrations = [registration for registration in registered_everywhere() if registration.handler.options.once]
        numbers = Counter(registration.handler.name for registration in registrations)
        by_type = {registration.handler.name for registration in registrations if registration.ce_type is not None}
        self.known: frozenset[str] = frozenset(_names(numbers))
        self._by_type = frozenset(_names({name: numbers[name] for name in by_type}))
        self._of_kinds: dict[str, frozenset[str]] = {}
        #: Unregistered names for which deliveries were found.
        self._unknown: set[str] = set()

    def may_run(self, name: str, kind: str) -> bool:
        """Whether a handler may take events of a kind. For handlers of CloudEvents types, only the event itself can tell."""
        if name not in self.known:
            self._unknown.add(name)
            return False
        return name in self._by_type or name in self._of(kind)

    def worth_reading(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Exclude deliveries for the unknown names found so far; or, if they are very many, for all unknown names."""
        if len(self._unknown) <= _MAX_IN_QUERY:
            return rows.exclude(handler__in=sorted(self._unknown)) if self._unknown else rows
        if ("", "") not in logged:
            logged.add(("", ""))
            logger.warning("Deliveries wait for further handlers that are not registered: see `manage.py inbox stats`")
        return rows.filter(handler__in=sorted(self.known)) if len(self.known) <= _MAX_IN_QUERY else rows

    def passed_over(self, name: str, kind: str) -> str | None:
        """Log, once for each name and process, that deliveries are passed over. Returns the sentence the first time."""
        is_known = name in self.known
        place = (name, kind if is_known else "")
        if place in logged or len(logged) >= _REMEMBERED:
            return None
        logged.add(place)
        what = f"does not handle events of kind {kind!r}" if is_known else "is not registered"
        text = (
            f"Deliveries wait for the handler {name!r}, which {what}, so nobody runs them. If its name has changed, "
            f"run `manage.py inbox rename {quote(name)} NEW`; if nobody needs them, discard them."
        )
        logger.warning("%s", text)
        return text

    def _of(self, kind: str) -> frozenset[str]:
        names = self._of_kinds.get(kind)
        if names is None:
            names = frozenset(terms.handler for found in find_everywhere(kind, None) for terms in delivery_terms(found).values())
            self._of_kinds[kind] = names
        return names


def unregistered(alias: str) -> Mapping[str, int]:
    """Count the waiting deliveries of each unregistered name, the largest number first."""
    waiting = Delivery.objects.using(alias).filter(deferred=True, state__in=OPEN).exclude(handler="")
    numbers = waiting.order_by().values_list("handler").annotate(number=Count("pk"))
    known = Names().known
    return dict(sorted((pair for pair in numbers if pair[0] not in known), key=lambda pair: (-pair[1], pair[0])))


def _names(numbers: Mapping[str, int]) -> list[str]:
    return [numbered(name, number) for name, most in numbers.items() for number in range(1, most + 1)]
