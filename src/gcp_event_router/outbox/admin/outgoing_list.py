"""The list of outgoing events in the admin: its columns, filters and queries."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left, Now
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.timesince import timeuntil
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ..._boxes.admin import parts
from ..._boxes.admin.lists import CHOICES, AgeFilter, BoxList, StateCount, count_states, error_choices, newest
from ..._boxes.admin.parts import NOTHING, WORST_FIRST, isolated
from ..._boxes.display import error_line, printable
from ..._boxes.redaction import VIEW_PERSONAL, conceal
from ...templatetags.gcp_event_text import breakable
from ..database import database
from ..models import OutgoingEvent
from ..outgoing_facts import attempts_of, is_waiting
from ..selections import with_predecessors
from ..stats import STATES

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: The states that an outgoing event can have, the worst first.
_STATES: Final = tuple(state for state in WORST_FIRST if state in STATES)
#: How many characters of an error the list fetches.
_BEGINNING: Final = 300
#: The columns of the filters whose values the newest events have, and the parameters in the URL.
_COLUMNS: Final = {"kind": "kind", "topic": "topic", "error": "error_type"}


class OutgoingList(BoxList):
    """Django's list, with what the columns show."""

    summary_title: StrOrPromise = _("Events by state")

    @override
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Fetch what the columns show; the ordering key is in `metadata`."""
        beginnings = {"error_beginning": Left("error", _BEGINNING), "text_beginning": Left("error_text", _BEGINNING)}
        rows: QuerySet[Any] = with_predecessors(super().get_queryset(request, exclude_parameters)).defer(None)
        shown: QuerySet[Any] = rows.defer("data", "error", "error_text").annotate(now=Now(), **beginnings)
        return shown

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        user: Any = request.user
        if not user.has_perm(f"{self.opts.app_label}.{VIEW_PERSONAL}"):
            for event in self.result_list:
                conceal([event], event.kind)

    @property
    def advice(self) -> str:
        """What to do if there are more events; for the template."""
        text = gettext("There are more than %s. Filter by state, time, kind, topic or error to see the others.")
        return text % localize(self.result_count)

    @cached_property
    def state_counts(self) -> list[StateCount]:
        """The numbers at the top of the page; for the template."""
        return count_states(OutgoingEvent.objects.using(database()), _STATES)


class StateIsFilter(admin.SimpleListFilter):
    """Events in a state."""

    title: StrOrPromise | None = _("state")
    parameter_name: str | None = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in _STATES]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return None if self.value() is None else queryset.filter(state=self.value())


class PublishedFilter(AgeFilter):
    """Events that were published within some time."""

    title: StrOrPromise | None = _("published")
    parameter_name: str | None = "published"
    column: ClassVar[str] = "created_at"


class _ValueFilter(admin.SimpleListFilter):
    """Events with a value. Offers the values of the newest events in each state; the URL accepts others."""

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        values = newest(OutgoingEvent.objects.using(database()), _COLUMNS[self.parameter_name or ""], _STATES)
        return [(value, breakable(printable(text))) for value, text in self.choices_of(values)]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        value = self.value()
        return None if value is None else queryset.filter(**{_COLUMNS[self.parameter_name or ""]: value})

    def choices_of(self, values: Iterable[str]) -> list[tuple[str, str]]:
        """Name the values."""
        return [(value, value) for value in sorted(values)[:CHOICES]]


class OutgoingKindFilter(_ValueFilter):
    """Events of a kind."""

    title: StrOrPromise | None = _("kind")
    parameter_name: str | None = "kind"


class TopicFilter(_ValueFilter):
    """Events for a topic."""

    title: StrOrPromise | None = _("topic")
    parameter_name: str | None = "topic"


class OutgoingErrorFilter(_ValueFilter):
    """Events with a type of error."""

    title: StrOrPromise | None = _("error")
    parameter_name: str | None = "error"

    @override
    def choices_of(self, values: Iterable[str]) -> list[tuple[str, str]]:
        return error_choices(values)


FILTERS: Final = (StateIsFilter, PublishedFilter, OutgoingKindFilter, TopicFilter, OutgoingErrorFilter)


@admin.display(description=_("state"))
def state(event: OutgoingEvent) -> str:
    """Its state and its attempts."""
    return parts.progress(event.state, *attempts_of(event))


@admin.display(description=_("kind"))
def kind(event: OutgoingEvent) -> str:
    """Its kind."""
    return isolated(event.kind)


@admin.display(description=_("topic"))
def topic(event: OutgoingEvent) -> str:
    """The name of its topic, without the project's."""
    return isolated(event.topic.rpartition("/")[2]) if event.topic else NOTHING


@admin.display(description=_("ordering key"))
def ordering_key(event: OutgoingEvent) -> str:
    """Its ordering key."""
    return isolated(event.ordering_key) if event.ordering_key else NOTHING


@admin.display(description=_("error"))
def error(event: OutgoingEvent) -> str:
    """Its last error. Users of the list may see payloads, so they may see its text."""
    beginnings: Any = event
    if not (event.error_type or beginnings.error_beginning):
        return NOTHING
    return isolated(error_line(event.error_type, beginnings.error_beginning, beginnings.text_beginning))


@admin.display(description=_("next attempt"))
def next_attempt(event: OutgoingEvent) -> str:
    """When it is due, if it waits for a relay."""
    if not is_waiting(event):
        return NOTHING
    now: Any = cast("Any", event).now
    behind: int | None = cast("Any", event).behind
    if behind is not None:
        return gettext("after %d") % behind
    if event.not_before is None or event.not_before <= now:
        return gettext("now")
    return gettext("in %s") % timeuntil(event.not_before, now, depth=1)


@admin.display(description=_("age"))
def age(event: OutgoingEvent) -> str:
    """Its age by the database's clock, and the time when it was published."""
    return parts.age(database(), event.created_at, cast("Any", event).now)


COLUMNS: Final = (state, kind, topic, ordering_key, error, next_attempt, age)
