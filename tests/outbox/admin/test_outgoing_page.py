"""The page of one outgoing event in the admin, and what is decided there and in the list."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.store import set_store
from gcp_event_router.inbox.models import StoredEvent
from gcp_event_router.inbox.store import InboxStore
from gcp_event_router.outbox.models import OutgoingEvent, State

from ...conftest import post_wsgi
from ...support.admin_pages import Pages, page_of, section, text, with_admin
from ...support.kept import STATES, keep, states_of
from ...support.outboxes import end_leases, on_sqlite

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]
LIST = "/admin/gcp_event_outbox/outgoingevent/"
VIEW, RETRY, DISCARD = "view_outgoingevent", "retry_outgoingevent", "discard_outgoingevent"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [A-Z]{3})?"
NOTHING_RETRIED = "Nothing was retried. Events that wait, that were sent, or that a relay is sending cannot be retried."
NOTHING_DISCARDED = "Nothing was discarded. Events that were sent, or that a relay is sending, cannot be discarded."


@pytest.fixture
def pages(outbox: str) -> Pages:
    return Pages(VIEW, RETRY, DISCARD)


def act(pages: Pages, action: str, *numbers: object, query: str = "", **data: Any) -> tuple[int, list[str]]:
    """Have an action done with events of the list."""
    return pages.post(LIST + query, action=action, _selected_action=[str(number) for number in numbers], **data)


def page(pages: Pages, number: int) -> str:
    return pages.get(f"{LIST}{number}/change/")


def buttons(html: str) -> list[str]:
    return re.findall(r'<button [^>]*name="(\w+)" value', html)


def test_what_is_known_of_an_event(outbox: str) -> None:
    """A page has the state, the payload, the publication, the attributes and the trace; and no button for who may not decide."""
    metadata = {"attributes": {"size": "<b>"}, "trace": {"traceparent": "00-1"}}
    number = keep(outbox, State.PARKED, "customer-1", metadata=metadata, attempts=50, error_type="a.Timeout", error_text="<i>")
    event = OutgoingEvent.objects.using(outbox).get()
    shown = page(Pages(VIEW), number)

    assert f"<h2>order-placed/{event.key}</h2>" in shown
    assert re.sub(TIME, "TIME", section(shown, "Delivery")) == (
        "Delivery State Attempts Times parked 50 of 50 published TIME a.Timeout Text and traceback <i>"
    )
    assert section(shown, "Payload") == 'Payload JSON, 15 bytes Download { "order_id": 1 }'
    assert re.sub(TIME, "TIME", section(shown, "Publication")) == (
        f"Publication Number {number} Id {event.key} Topic projects/p/topics/orders Ordering key customer-1 "
        "Published TIME Parked TIME"
    )
    assert section(shown, "Attributes") == "Attributes size <b>"
    assert section(shown, "Trace") == "Trace traceparent 00-1"
    assert "<button" not in shown.partition('id="content"')[2]
    assert "<h2>Causes</h2>" not in shown


@on_sqlite
def test_a_hostile_event_is_text(outbox: str) -> None:
    """Markup in a payload, a key, a topic or an error is shown, not obeyed."""
    hostile = "</pre><script>alert(1)</script>"
    number = keep(
        outbox,
        State.PARKED,
        hostile,
        kind=hostile,
        topic=hostile,
        data=hostile.encode(),
        error_type=hostile,
        error=hostile,
        error_text=hostile,
        cause=hostile,
        message_id=hostile,
        metadata={"attributes": {hostile: hostile}},
    )
    pages = Pages(VIEW)

    assert "<script>alert" not in page(pages, number) + pages.get(LIST)


@on_sqlite
def test_download(outbox: str) -> None:
    """The payload can be downloaded, and no browser shows it."""
    number = keep(outbox, data=b"\x00<script>")
    event = OutgoingEvent.objects.using(outbox).get()
    response = Pages(VIEW).client.get(f"{LIST}{number}/payload/")

    assert response.content == b"\x00<script>"
    names = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options")
    assert [response[name] for name in names] == [
        "application/octet-stream",
        f'attachment; filename="{event.key}.bin"',
        "sandbox",
        "nosniff",
    ]


def test_retry_chosen_events(outbox: str, pages: Pages) -> None:
    """Failed and parked events of the chosen ones are due at once; others stay as they are."""
    numbers = [keep(outbox, state, attempts=2) for state in STATES]

    assert act(pages, "retry", *numbers) == (302, ["Retried 2 events: they are due now."])
    assert list(states_of(outbox).values()) == ["pending", "running", "pending", "done", "pending", "discarded"]
    assert act(pages, "retry", *numbers) == (302, [NOTHING_RETRIED])
    assert act(pages, "retry", *numbers, query="?state=discarded") == (302, ["Retried 1 event: it is due now."])


def test_discard_chosen_events(outbox: str, pages: Pages) -> None:
    """Unsent events of the chosen ones are discarded, once it is confirmed; running ones once their lease is over."""
    numbers = [keep(outbox, state) for state in STATES]
    question = pages.client.post(LIST, {"action": "discard", "_selected_action": numbers}).content.decode()

    keys = OutgoingEvent.objects.using(outbox).filter(state__in=["parked", "failed", "pending"]).order_by("-pk")
    named = " ".join(f"order-placed/{event.key} ({State(event.state).label})" for event in keys)
    assert f"Discard 3 events? {named} Nothing sends discarded events until you retry them." in text(question)
    assert act(pages, "discard", *numbers, confirmed="yes") == (302, ["Discarded 3 events."])
    assert list(states_of(outbox).values()) == ["discarded", "running", "discarded", "done", "discarded", "discarded"]
    assert act(pages, "discard", *numbers) == (302, [NOTHING_DISCARDED])
    end_leases(outbox)
    assert act(pages, "discard", *numbers, confirmed="yes") == (302, ["Discarded 1 event."])


@pytest.mark.parametrize("state", STATES)
def test_decisions_on_a_page(outbox: str, pages: Pages, state: State) -> None:
    """A page offers what can be done, says what was done, and notes it in the history."""
    number = keep(outbox, state)
    address = f"{LIST}{number}/change/"
    can_retry = state in {State.FAILED, State.PARKED, State.DISCARDED}
    can_discard = state in {State.PENDING, State.FAILED, State.PARKED}

    assert buttons(page(pages, number)) == ["retry"] * can_retry + ["discard"] * can_discard
    assert pages.post(address, retry="yes") == (302, ["Retried 1 event: it is due now." if can_retry else NOTHING_RETRIED])
    question = pages.client.post(address, {"discard": "yes"}).content.decode()
    assert "Discard 1 event?" in text(question)
    can_discard |= can_retry
    told = "Discarded 1 event." if can_discard else NOTHING_DISCARDED
    assert pages.post(address, discard="yes", confirmed="yes") == (302, [told])
    assert told in text(pages.get(f"{LIST}{number}/history/"))
    assert LogEntry.objects.filter(object_id=str(number)).count() == 2


@on_sqlite
@pytest.mark.parametrize(
    ("permissions", "actions"),
    [((VIEW,), []), ((VIEW, RETRY), ["retry"]), ((VIEW, DISCARD), ["discard"]), ((VIEW, RETRY, DISCARD), ["discard", "retry"])],
)
def test_each_decision_has_a_permission(outbox: str, permissions: tuple[str, ...], actions: list[str]) -> None:
    """Who may view sees both pages, and of the decisions those that are permitted; a form that was not shown is refused."""
    number = keep(outbox, State.PARKED)
    pages = Pages(*permissions)

    assert sorted(re.findall(r'<option value="(retry|discard|delete_selected)">', pages.get(LIST))) == actions
    assert sorted(buttons(page(pages, number))) == actions
    for refused in {"retry", "discard"} - set(actions):
        assert pages.post(f"{LIST}{number}/change/", **{refused: "yes", "confirmed": "yes"}) == (403, [])
        assert act(pages, refused, number, confirmed="yes")[1] in (["No action selected."], [])
    assert states_of(outbox) == {number: "parked"}


@on_sqlite
@pytest.mark.parametrize("path", ["", "{}/change/", "{}/payload/", "{}/history/"])
def test_nothing_is_shown_to_who_may_not_view(outbox: str, path: str) -> None:
    """Without the permission to view, all pages are refused, also to who may decide; strangers have to log in."""
    number = keep(outbox, State.PARKED)
    address = LIST + path.format(number)

    assert Pages(RETRY, DISCARD).client.get(address).status_code == 403
    assert Client().get(address)["Location"] == f"/admin/login/?next={address}"


@on_sqlite
def test_nobody_adds_changes_or_deletes(outbox: str) -> None:
    """A superuser, too, can only look and decide."""
    number = keep(outbox, State.PARKED)
    pages = Pages(is_superuser=True)

    assert [pages.post(path)[0] for path in (f"{LIST}add/", f"{LIST}{number}/delete/")] == [403, 403]
    assert "delete_selected" not in pages.get(LIST)


@on_sqlite
@pytest.mark.parametrize("name", ["x", "0", "-1", "9" * 30, "²", "%00"])
@pytest.mark.parametrize("view", ["change", "payload", "history"])
def test_no_such_event(outbox: str, pages: Pages, view: str, name: str) -> None:
    """A page of an event that there is not is not found, or leads back to the start of the admin."""
    response = pages.client.get(f"{LIST}{name}/{view}/")

    assert (response.status_code, response.headers.get("Location")) in {(404, None), (302, "/admin/")}


@on_sqlite
@pytest.mark.parametrize("number", ["", "zzz", "-1", "\x00", "9" * 5000])
def test_what_is_no_event_cannot_be_chosen(outbox: str, pages: Pages, number: str) -> None:
    """A number that no event could have is refused in words, and nothing is done about those that are chosen with it."""
    parked = keep(outbox, State.PARKED)

    assert act(pages, "retry", parked, number) == (302, ["This event does not exist. Select events from the list."])
    assert states_of(outbox) == {parked: "parked"}


@on_sqlite
def test_causes_and_effects(outbox: str, router: EventRouter) -> None:
    """An outgoing event leads to the event whose handler published it, in both boxes; and that one to what it caused."""
    set_store(InboxStore())

    @router.on("order-placed")
    def nothing(event: Event[Any]) -> None: ...

    first = keep(outbox, State.DONE, kind="order-placed", cause="ancient")
    key = OutgoingEvent.objects.using(outbox).get(pk=first).key
    attributes = {"event-router-id": str(key), "event-router-cause": "ancient"}
    message = {"messageId": "17", "data": "e30=", "attributes": attributes}
    post_wsgi("/events/order-placed/1", json.dumps({"message": message, "subscription": "s"}).encode())
    stored = StoredEvent.objects.get()
    second = keep(outbox, State.PARKED, kind="mail-sent", cause=str(key))
    mail = OutgoingEvent.objects.using(outbox).get(pk=second)

    pages = Pages(VIEW, "view_storedevent")
    causes = re.sub(rf" {TIME}", "", section(page(pages, second), "Causes"))
    assert causes == f"Causes {key} Inbox: order-placed/1 Outbox: order-placed/{key} done ancient"
    assert page_of(stored) in page(pages, second)
    inbox_page = pages.get(page_of(stored))
    assert section(inbox_page, "Causes") == "Causes ancient"
    assert re.sub(TIME, "TIME", section(inbox_page, "Published by its handlers")) == (
        f"Published by its handlers Outbox: mail-sent/{mail.key} parked TIME"
    )
    assert f"{LIST}{second}/change/" in inbox_page
    assert "mail-sent" in section(page(pages, first), "Published by its handlers")


@on_sqlite
def test_causes_that_may_not_be_seen(outbox: str) -> None:
    """Who may not view the other box sees the id of the cause, and nothing of the event."""
    set_store(InboxStore())
    post_wsgi("/events/secret-kind/1", b'{"message": {"messageId": "17", "data": "e30="}, "subscription": "s"}')
    number = keep(outbox, cause="17")

    assert section(page(Pages(VIEW), number), "Causes") == "Causes 17"


@on_sqlite
def test_chains_end(outbox: str) -> None:
    """A chain of causes that leads back to itself, or is long, is cut."""
    numbers = [keep(outbox) for _ in range(15)]
    keys = [OutgoingEvent.objects.using(outbox).get(pk=number).key for number in numbers]
    for number, cause in zip(numbers, [*keys[1:], keys[0]], strict=True):
        OutgoingEvent.objects.using(outbox).filter(pk=number).update(cause=str(cause))

    pages = Pages(VIEW)

    assert page(pages, numbers[0]).count("<li><code>") == 10
    OutgoingEvent.objects.using(outbox).filter(pk=numbers[1]).update(cause=str(keys[0]))
    assert page(pages, numbers[0]).count("<li><code>") == 2
