"""The admin of a box: its rows can be seen and decided about, and nobody can add, change or delete one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import connections, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from typing_extensions import override

from ..display import printable
from ..redaction import VIEW_PERSONAL
from .lists import CappedPaginator, without_large

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponseBase])
Names = list[str] | tuple[str, ...]

#: How many rows an action accepts: a request must end, and has at most 1,000 fields.
_AT_ONCE: Final = 500
#: How many rows a question names.
NAMED: Final = 20
_TEMPLATES: Final = "admin/gcp_event_router/box"


class ActionReport(NamedTuple):
    """The message for the user."""

    text: str
    is_success: bool


def non_atomic(view: ViewT) -> ViewT:
    """Exclude a view from `ATOMIC_REQUESTS`: decisions have their own transactions, and other sessions must see them."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


class BoxAdmin(AnyModelAdmin):
    """Shows the rows of a box. A subclass says what a row consists of, and has the decisions."""

    #: The lookups in the URL of the list. Others would search all rows.
    lookups: ClassVar[Collection[str]]
    #: The command that decides about many rows.
    command: ClassVar[str]

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by: ClassVar[Names | None] = ()  # no index has another order
    paginator = CappedPaginator
    change_list_template: ClassVar[Any] = f"{_TEMPLATES}/change_list.html"
    object_history_template: ClassVar[Any] = f"{_TEMPLATES}/object_history.html"

    class Media:
        """The stylesheet."""

        css: ClassVar[Mapping[str, tuple[str, ...]]] = {"all": ("gcp_event_router/boxes.css",)}

    def alias(self) -> str:
        """Return the alias of the box's database."""
        raise NotImplementedError

    def parse_key(self, text: str) -> Any:
        """Parse a primary key. Raises `ValueError`."""
        raise NotImplementedError

    def data_of(self, row: Any, *, personal: bool) -> bytes:
        """Return the payload of a row, with what is personal in it or without."""
        raise NotImplementedError

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a deleted event would be handled again, or never be sent; a purge deletes old ones

    def may(self, request: HttpRequest, permission: str) -> bool:
        """Whether the user has a permission of the box's app."""
        user: Any = request.user
        return bool(user.has_perm(f"{self.opts.app_label}.{permission}"))

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Select the rows of the box's database, without large columns."""
        return without_large(super().get_queryset(request).using(self.alias()))

    @override
    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_payload"
        return [path("<path:object_id>/payload/", self.admin_site.admin_view(self.payload_view), name=name), *super().get_urls()]

    @override
    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow the filters only."""
        return lookup in self.lookups

    @override
    @non_atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, extra_context)

    @override
    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().history_view(request, object_id, {"media": self.media, **(extra_context or {})})

    def payload_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Download the payload of an event. Browsers must never render it."""
        row = self.row(request, object_id)
        headers = {
            "Content-Disposition": f'attachment; filename="{row.key}.bin"',
            "Content-Security-Policy": "sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        data = self.data_of(row, personal=self.may(request, VIEW_PERSONAL))
        return HttpResponse(data, content_type="application/octet-stream", headers=headers)

    @override
    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        """Refuse keys that are malformed, and more events than a request can handle."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.parse_key(key)
        except ValueError:
            self.message_user(request, _("This event does not exist. Select events from the list."), messages.ERROR)
            return None
        if request.POST.get("select_across", "0") != "0" and queryset.order_by()[: _AT_ONCE + 1].count() > _AT_ONCE:
            text = _("You selected more than %(most)d events. Filter the list, or use %(command)s.")
            self.message_user(request, text % {"most": _AT_ONCE, "command": self.command}, messages.ERROR)
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """Read a row. Raises `Http404` and `PermissionDenied`."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return self.model.objects.using(self.alias()).get(pk=self.parse_key(unquote(object_id)))
        except (ValueError, ObjectDoesNotExist) as error:
            text = _("This event does not exist. It may have been purged.")
            raise Http404(text) from error

    def report(self, request: HttpRequest, rows: Iterable[Any], result: ActionReport) -> None:
        """Show the result of a decision, and note it in the history of each row."""
        self.message_user(request, result.text, messages.SUCCESS if result.is_success else messages.WARNING)
        user: Any = request.user  # of the project's own model
        LogEntry.objects.log_actions(user.pk, list(rows), CHANGE, result.text)

    def confirm(
        self,
        request: HttpRequest,
        question: str,
        effect: str,
        verb: str,
        fields: Sequence[tuple[str, str]],
        names: Sequence[str] = (),
        number: int = 0,
    ) -> HttpResponse:
        """Ask whether to do something with rows, and name some of them. The form sends the fields again, and `confirmed`."""
        context = {
            "title": question,
            "effect": effect,
            "verb": verb,
            "fields": fields,
            "back": request.get_full_path(),
            "names": [*map(printable, names)],
            "more": number - len(names),
        }
        return self.page(request, f"{_TEMPLATES}/confirm.html", context)

    def page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """Render a page of the admin."""
        request.current_app = self.admin_site.name
        site_context = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, template, site_context | context)
