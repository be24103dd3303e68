"""The names of handlers: which are registered, and which deliveries wait for one that is not.

A handler that is renamed leaves its deliveries behind under the old name. Workers pass over them, and say so once.
Called by `workers`, `checks`, `renaming` and the command.
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

__all__ = ["Names", "said", "unregistered"]

_IN_A_QUERY: Final = 500
"""So many names are written into a query; a longer list of deliveries is sorted out here."""
_REMEMBERED: Final = 10_000
#: What was logged in this process: a name that is not registered, or one that is and a kind that it does not take.
said: set[tuple[str, str]] = set()


class Names:
    """The names that are registered at one moment, of handlers that the inbox governs."""

    def __init__(self) -> None:
        kept = [each for each in registered_everywhere() if each.handler.options.once]
        numbers = Counter(each.handler.name for each in kept)
        by_type = {each.handler.name for each in kept if each.ce_type is not None}
        self.known: frozenset[str] = frozenset(_names(numbers))
        self._by_type = frozenset(_names({name: numbers[name] for name in by_type}))
        self._of_kinds: dict[str, frozenset[str]] = {}
        #: Those that deliveries were found to wait for, and that are not registered.
        self._unknown: set[str] = set()

    def may_run(self, name: str, kind: str) -> bool:
        """Whether a handler may take events of a kind. Of one that looks at CloudEvents types, only the event itself tells."""
        if name not in self.known:
            self._unknown.add(name)
            return False
        return name in self._by_type or name in self._of(kind)

    def worth_reading(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Leave out the deliveries for the unknown names that were met so far; or, of very many, for all unknown names."""
        if len(self._unknown) <= _IN_A_QUERY:
            return rows.exclude(handler__in=sorted(self._unknown)) if self._unknown else rows
        if ("", "") not in said:
            said.add(("", ""))
            logger.warning("Deliveries wait for more names of handlers that are not registered: see `manage.py inbox stats`")
        return rows.filter(handler__in=sorted(self.known)) if len(self.known) <= _IN_A_QUERY else rows

    def passed_over(self, name: str, kind: str) -> str | None:
        """Log, once for each name, that deliveries are left as they are; return the sentence, the first time in a process."""
        is_known = name in self.known
        place = (name, kind if is_known else "")
        if place in said or len(said) >= _REMEMBERED:
            return None
        said.add(place)
        what = f"does not handle events of kind {kind!r}" if is_known else "is not registered"
        text = (
            f"Deliveries wait for the handler {name!r}, which {what}, so nobody runs them. If its name has changed, "
            f"run `manage.py inbox rename {quote(name)} NEW`; if nobody needs them any more, discard them."
        )
        logger.warning("%s", text)
        return text

    def _of(self, kind: str) -> frozenset[str]:
        found = self._of_kinds.get(kind)
        if found is None:
            found = frozenset(terms.handler for each in find_everywhere(kind, None) for terms in delivery_terms(each).values())
            self._of_kinds[kind] = found
        return found


def unregistered(alias: str) -> Mapping[str, int]:
    """Of each name that is not registered, how many deliveries wait for it; those first for which most do."""
    waiting = Delivery.objects.using(alias).filter(deferred=True, state__in=OPEN).exclude(handler="")
    numbers = waiting.order_by().values_list("handler").annotate(number=Count("pk"))
    known = Names().known
    return dict(sorted((each for each in numbers if each[0] not in known), key=lambda each: (-each[1], each[0])))


def _names(numbers: Mapping[str, int]) -> list[str]:
    return [numbered(name, number) for name, most in numbers.items() for number in range(1, most + 1)]
