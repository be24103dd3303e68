"""Who may do what in the inbox's admin."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from gcp_event_router import EventRouter
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ...support.admin_pages import LIST, Pages, Shop, page_of, with_admin
from ...support.deliveries import on_sqlite

pytestmark = [with_admin, on_sqlite, pytest.mark.usefixtures("admin_site")]
VIEW, REPLAY, DISCARD = "view_storedevent", "replay_delivery", "discard_delivery"
BOTH = (VIEW, REPLAY, DISCARD)


@pytest.fixture
def parked(inbox: str, router: EventRouter) -> StoredEvent:
    return Shop(inbox, router).order_in(State.PARKED, 1)


def number_of(event: StoredEvent) -> int:
    return Delivery.objects.using("sqlite").values_list("pk", flat=True).get(event=event.pk)


@pytest.mark.parametrize(
    ("permissions", "actions"),
    [((VIEW,), []), ((VIEW, REPLAY), ["replay"]), ((VIEW, DISCARD), ["discard"]), (BOTH, ["discard", "replay"])],
)
def test_each_decision_has_a_permission(parked: StoredEvent, permissions: tuple[str, ...], actions: list[str]) -> None:
    """Who may view sees both pages, and of the decisions those that are permitted."""
    pages = Pages(*permissions)

    assert sorted(re.findall(r'<option value="(replay|discard|delete_selected)">', pages.get())) == actions
    assert sorted(re.findall(r'<button [^>]*name="(\w+)" value', pages.get(page_of(parked)))) == actions


@pytest.mark.parametrize(("permission", "decision"), [(REPLAY, "discard"), (DISCARD, "replay")])
def test_a_decision_that_is_not_permitted_is_refused(parked: StoredEvent, permission: str, decision: str) -> None:
    """A form that the page did not show is refused, from the page and from the list."""
    pages = Pages(VIEW, permission)

    assert pages.post(page_of(parked), **{decision: number_of(parked), "confirmed": "yes"}) == (403, [])
    assert pages.act(decision, parked, confirmed="yes") == (302, ["No action selected."])
    assert Delivery.objects.using("sqlite").get().state == State.PARKED


@pytest.mark.parametrize("permissions", [(), (REPLAY, DISCARD)])
@pytest.mark.parametrize("path", ["", "{}/change/", "{}/payload/", "{}/history/"])
def test_nothing_is_shown_to_who_may_not_view(parked: StoredEvent, path: str, permissions: tuple[str, ...]) -> None:
    """Without the permission to view, all pages are refused, also to who may decide."""
    pages = Pages(*permissions)

    assert pages.client.get(LIST + path.format(parked.pk)).status_code == 403
    assert pages.post(page_of(parked), replay=number_of(parked)) == (403, [])


@pytest.mark.parametrize("path", ["", "{}/change/", "{}/payload/"])
def test_strangers_are_asked_who_they_are(parked: StoredEvent, path: str) -> None:
    """Without a session, all pages lead to the form to log in."""
    address = LIST + path.format(parked.pk)

    assert Client().get(address)["Location"] == f"/admin/login/?next={address}"


def test_nobody_adds_changes_or_deletes(parked: StoredEvent) -> None:
    """A superuser, too, can only look and decide."""
    pages = Pages(is_superuser=True)
    forms = {
        f"{LIST}add/": {"kind": "k", "reference": "r"},
        f"{LIST}{parked.pk}/delete/": {"post": "yes"},
        page_of(parked): {"kind": "k", "_save": "Save"},
    }

    assert [pages.post(path, **data)[0] for path, data in forms.items()] == [403, 403, 404]
    assert "delete_selected" not in pages.get()
    assert StoredEvent.objects.using("sqlite").values_list("kind", flat=True).get() == "order-placed"


@pytest.mark.parametrize("path", ["", "{}/change/"])
def test_forms_of_other_sites_are_refused(parked: StoredEvent, path: str) -> None:
    """A form without the token of the page is refused."""
    pages = Pages(*BOTH)
    pages.client = Client(enforce_csrf_checks=True)
    pages.client.force_login(pages.user)
    data = {"action": "replay", "_selected_action": str(parked.pk), "replay": number_of(parked)}

    assert pages.post(LIST + path.format(parked.pk), **data) == (403, [])
    assert Delivery.objects.using("sqlite").get().state == State.PARKED
