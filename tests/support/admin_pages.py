"""What the tests of the admin share: its pages as a member of the staff sees them, and events of the inbox in every state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.test import Client
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ..conftest import post_wsgi
from .deliveries import push, take_effect

LIST = "/admin/gcp_event_inbox/storedevent/"
with_admin = pytest.mark.django_db(
    transaction=True,
    databases="__all__",
    available_apps=[
        "gcp_event_router",
        "gcp_event_router.catalogue",
        "gcp_event_router.inbox",
        "gcp_event_router.outbox",
        "tests.effects",
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django_tasks_db",  # whose models are in the admin, too
    ],
)


#: The states of what is for a handler.
HANDLERS_STATES = tuple(state for state in State if state is not State.UNHANDLED)
_BROKEN: Mapping[State, list[type[Exception]]] = {State.PARKED: [RuntimeError], State.REJECTED: [Reject]}


class Order(BaseModel):
    order_id: int


class Shop:
    """Orders, and a handler of them that fails as long as `broken` is not empty."""

    def __init__(self, alias: str, router: EventRouter) -> None:
        self.alias = alias
        self.broken: list[type[Exception]] = []
        router.on("order-*", name="shop.record", max_attempts=1)(self.record)

    def record(self, event: Event[Order]) -> None:
        if self.broken:
            raise self.broken[0]
        take_effect(self.alias, "shop.record", event.reference)

    def order(self, number: int, *broken: type[Exception], payload: object = None) -> StoredEvent:
        """Place an order, for which the handler fails."""
        self.broken[:] = broken
        post_wsgi(f"/events/order-placed/{number}", push(100 + number, payload or {"order_id": number}))
        self.broken.clear()
        return StoredEvent.objects.using(self.alias).get(reference=str(number))

    def order_in(self, state: State, number: int) -> StoredEvent:
        """Place an order that is in a state."""
        event = self.order(number, *_BROKEN.get(state, []))
        if state not in {State.PARKED, State.REJECTED, State.DONE}:
            Delivery.objects.using(self.alias).filter(event=event.pk).update(state=state)
        return event


class Pages:
    """The admin's pages, as somebody sees them who may do what is said."""

    def __init__(self, *permissions: str, is_superuser: bool = False) -> None:
        ContentType.objects.clear_cache()  # whose rows another test may have removed
        if permissions:
            for app in ("gcp_event_inbox", "gcp_event_outbox"):
                create_permissions(apps.get_app_config(app), verbosity=0)
        self.user = User.objects.create_user("staff", is_staff=True, is_superuser=is_superuser)
        self.user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.client = Client()
        self.client.force_login(self.user)

    def get(self, path: str = LIST, /, **query: object) -> str:
        """What a page says, as HTML, without the places where names may be broken."""
        response = self.client.get(path, {name: str(value) for name, value in query.items()})
        assert response.status_code == 200, response
        return response.content.decode().replace("<wbr>", "")

    def post(self, path: str, /, **data: Any) -> tuple[int, list[str]]:
        """Send a form; returns the status, and what the user is told."""
        self.client.cookies.pop("messages", None)
        response = self.client.post(path, data)
        return response.status_code, [str(each) for each in get_messages(response.wsgi_request)]

    def act(self, action: str, *events: StoredEvent, query: str = "", **data: Any) -> tuple[int, list[str]]:
        """Have an action done with events of the list."""
        return self.post(LIST + query, action=action, _selected_action=[str(each.pk) for each in events], **data)


def page_of(event: StoredEvent) -> str:
    """Where an event's page is."""
    return f"{LIST}{event.pk}/change/"


def text(html: str) -> str:
    """What is written in a piece of HTML, in a line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html.replace("<wbr>", ""))).split())


def rows(html: str) -> list[list[str]]:
    """The rows of the list, without the column of check boxes and that of ages."""
    (body,) = re.findall(r'<table id="result_list">.*?<tbody>(.*?)</tbody>', html, re.DOTALL) or [""]
    found = [re.findall(r"<t[dh] [^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in body.split("</tr>")]
    return [[text(cell) for cell in cells if "action-select" not in cell and "<time" not in cell] for cells in found if cells]


def references(html: str) -> list[str]:
    """The references of the events in the list."""
    return [row[1].partition("/")[2] for row in rows(html)]


def section(html: str, name: str) -> str:
    """What a section of a page says."""
    parts = re.split(r"<section ", html)
    (found,) = [part for part in parts if re.search(rf"<h2[^>]*>{name}</h2>", part)]
    return text("<section " + found.partition("</section>")[0])
