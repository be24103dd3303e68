"""Personal fields in the admin: only users with the permission see them."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import StoredEvent
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.privacy import Personal

from ...conftest import post_wsgi
from ...support.admin_pages import LIST, Pages, page_of, text, with_admin
from ...support.deliveries import push
from ...support.kept import keep

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]
EMAIL = "ada@example.org"


class Signup(BaseModel):
    number: int
    email: Annotated[str, Personal()]


@pytest.fixture
def event(inbox: str, router: EventRouter) -> StoredEvent:
    """An event whose handler has failed, with its personal field in the error, in the keys and in the parameters."""

    def key(event: Event[Signup]) -> str:
        return event.payload.email

    def welcome(event: Event[Signup, Signup]) -> None:
        raise ValueError(event.payload.email)

    router.on("signed-up", payload=Signup, once_key=key, order_by=key)(welcome)
    post_wsgi(f"/events/signed-up/1?number=1&email={EMAIL}", push("17", {"number": 1, "email": EMAIL}))
    return StoredEvent.objects.using(inbox).get()


def paths(event: StoredEvent) -> list[str]:
    return [LIST, page_of(event), f"{LIST}{event.pk}/payload/"]


def test_it_is_hidden(event: StoredEvent) -> None:
    """In the list, on the event's page and in the download; the rest is shown."""
    pages = Pages("view_storedevent")

    html = [pages.get(path) for path in paths(event)]

    assert [EMAIL in page for page in html] == [False] * 3
    assert "ValueError: [personal]" in text(html[0])
    assert '"email": "[personal]"' in text(html[1])
    assert html[2] == '{"number": 1, "email": "[personal]"}'


@pytest.mark.parametrize(("permissions", "is_found"), [(["view_personal"], True), ([], False)])
def test_a_search_does_not_confirm_a_guess(event: StoredEvent, permissions: list[str], is_found: bool) -> None:
    """The business key is an address."""
    pages = Pages("view_storedevent", *permissions)

    assert (str(event.pk) in pages.get(f"{LIST}?q={EMAIL}")) is is_found


def test_who_has_the_permission_sees_it(event: StoredEvent) -> None:
    """It is a permission of its own, besides the one to see events."""
    pages = Pages("view_storedevent", "view_personal")

    assert [EMAIL in pages.get(path) for path in paths(event)] == [True] * 3


def test_the_outbox(inbox: str, router: EventRouter) -> None:
    """What was published with a declared kind; and what its type refuses is hidden as a whole."""
    router.kind("signed-up", Signup)
    for data in (b'{"number": 1, "email": "%s"}' % EMAIL.encode(), b'{"email": "%s"}' % EMAIL.encode()):
        keep("default", kind="signed-up", data=data, error_type="builtins.ValueError", error_text=EMAIL)
    outgoing = "/admin/gcp_event_outbox/outgoingevent/"
    numbers = OutgoingEvent.objects.order_by("pk").values_list("pk", flat=True)
    shown = [outgoing, *(f"{outgoing}{number}/{page}/" for number in numbers for page in ("change", "payload"))]
    pages = Pages("view_outgoingevent")

    assert [EMAIL in pages.get(path) for path in shown] == [False] * 5
    assert pages.get(shown[2]) == '{"number": 1, "email": "[personal]"}'
    assert pages.get(shown[4]) == '"[personal]"'


def test_the_outbox_with_the_permission(inbox: str, router: EventRouter) -> None:
    """It is a permission of the outbox."""
    router.kind("signed-up", Signup)
    number = keep("default", kind="signed-up", data=b'{"number": 1, "email": "%s"}' % EMAIL.encode())
    pages = Pages(is_superuser=True)

    assert EMAIL in pages.get(f"/admin/gcp_event_outbox/outgoingevent/{number}/change/")
